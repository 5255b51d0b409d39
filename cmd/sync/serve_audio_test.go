package main

import (
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"convsync/internal/simulate"
)

// audioGate lets requests of recordings pass.
type audioGate struct {
	mu    sync.Mutex
	moved sync.Cond
	ids   []string // of the conversations, in the order of the requests
	held  int      // requests that wait
	left  int      // how many more may pass
}

// holdAudio makes requests of recordings wait at a gate, which lets n of them pass.
func (k *storeKilled) holdAudio(n int) *audioGate {
	g := &audioGate{left: n}
	g.moved.L = &g.mu
	k.t.Cleanup(func() { g.pass(1 << 40) }) // the server waits for its requests
	asked := func(r *http.Request) {
		// .../conversations/{id}/audio
		id, err := url.PathUnescape(path.Base(path.Dir(r.URL.EscapedPath())))
		if err != nil {
			id = err.Error()
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		g.ids = append(g.ids, id)
		for g.held++; g.left == 0; {
			g.moved.Wait()
		}
		g.held--
		g.left--
	}
	k.requests.Store(&asked)
	return g
}

func (g *audioGate) pass(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.left += n
	g.moved.Broadcast()
}

// await waits until n requests are held, after others that passed.
func (g *audioGate) await(t *testing.T, n, passed int) {
	t.Helper()
	until(t, "requests of recordings are held", func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.held == n && len(g.ids) == n+passed
	})
}

const (
	storeAvailable = "convsync_recordings_store_available"
	recordingsLeft = `convsync_recordings_backlog{project="acme-team-4"}`
)

// TestServeAudio works on recordings in a real process: at first without tables and
// without a store, then with both, until it is stopped during the work.
func TestServeAudio(t *testing.T) {
	t.Parallel()
	destinations(t, func(t *testing.T, destination string) {
		k := newStoreKilled(t, destination, 40)
		writeFile(t, k.folder, "a file, no folder")
		withServe(t, k.config, "schedules: { often: { cron: \"@every 1s\" } }\n")
		s := serveIn(t, k.config, nil)
		s.await("recordings are checked without a store", func(values map[string]float64) bool {
			available, known := values[storeAvailable]
			return known && available == 0 && values[`convsync_recordings{availability="available",project="acme-team-4"}`] > 10 && values[succeededRuns] > 0
		})
		eventually(t, s.url+"/", "Recordings cannot be stored: ")

		if err := os.Remove(k.folder); err != nil {
			t.Fatal(err)
		}
		s.await("all is stored once the store is available", func(values map[string]float64) bool {
			left, known := values[recordingsLeft]
			return known && left == 0 && values[storeAvailable] == 1
		})

		g := k.holdAudio(0)
		k.later.Add(int64(12 * time.Hour))
		g.await(t, audioWorkers, 0)
		awaitRuns(s, succeededRuns) // a run is not delayed by the backlog
		s.stopDuring(func() { g.pass(1 << 40) })
		k.wantStopped(s, 0)
	})
}

// stopDuring stops the process, and does something once it was asked to stop.
func (s *served) stopDuring(do func()) {
	s.t.Helper()
	time.AfterFunc(200*time.Millisecond, do)
	s.stop()
}

// wantStopped checks the log of a process that was stopped, and what it stored.
// Downloads that a kill or a stop interrupted are repeated.
func (k *storeKilled) wantStopped(s *served, kills int) {
	k.t.Helper()
	for line := range strings.Lines(s.log.String()) {
		aboutRecordings := strings.Contains(line, `"level":"ERROR"`) || strings.Contains(line, "recording")
		if aboutRecordings && !strings.Contains(line, k.folder) { // the store was unavailable for a while
			k.t.Errorf("it logs: %s", line)
		}
	}
	k.wantStored()
	if parts, err := filepath.Glob(filepath.Join(k.folder, ".convsync/tmp/*/*")); err != nil || len(parts) > 0 {
		k.t.Errorf("left over: %q, %v", parts, err)
	}
	k.settleStore(kills)
}

// TestServeAudio_Grace cancels downloads that do not end within the grace period.
func TestServeAudio_Grace(t *testing.T) {
	t.Parallel()
	k := newStoreKilled(t, into(filepath.Join(t.TempDir(), "lake")), 40)
	withServe(t, k.config, "schedules: { never: { cron: \"0 2 29 2 *\" } }\n")
	const passed = 5
	g := k.holdAudio(passed)
	s := serveIn(t, k.config, nil, "--run-now", "--grace", "100ms")
	s.await("the run ends", func(values map[string]float64) bool { return values[succeededRuns] > 0 })
	g.await(t, audioWorkers, passed)
	s.stop()
	k.requests.Store(nil)
	g.pass(1 << 40)
	k.wantStopped(s, 1)
}

// TestServeAudio_Reload changes sync.audio from check to store.
func TestServeAudio_Reload(t *testing.T) {
	t.Parallel()
	k := newStoreKilled(t, into(filepath.Join(t.TempDir(), "lake")), 40)
	withServe(t, k.config, "schedules: { never: { cron: \"0 2 29 2 *\" } }\n")
	stored := readFile(t, k.config)
	writeFile(t, k.config, strings.Replace(stored, "mode: store", "mode: check", 1))
	p := startReloading(t, k.config, "--run-now")
	p.await(1, "worked on recordings")
	if _, err := os.Stat(k.folder); !os.IsNotExist(err) {
		t.Errorf("in mode check there is a store: %v", err)
	}
	p.hangUp(k.config, stored, 1, "reloaded the configuration")
	p.await(2, "worked on recordings")
	p.stop()
	k.settleStore(0)
}

// TestAudio_Empty checks that work on recordings before the first run is no error.
// The first work of serve is often done before it.
func TestAudio_Empty(t *testing.T) {
	t.Parallel()
	_, server := withRecordings(t, 5, simulate.Audio{})
	for name, at := range audioDestinations(t, server.URL, "{ mode: store, redacted: both }") {
		r := convsync(t, nil, "run", "--audio-only", "--config", at[0])
		r.want(t, exitOK, "none was due", "skipped the recordings of project acme-team-4")
		if strings.Contains(r.stderr, "ERROR") || strings.Contains(r.stderr, "WARN") {
			t.Errorf("%s: %s", name, r.stderr)
		}
	}
}
