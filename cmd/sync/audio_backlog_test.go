package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"convsync/internal/config"
	"convsync/internal/simulate"
)

// TestAudio_Share syncs thousands of conversations while a large backlog of recordings
// is stored with the same key: the backlog takes no more than its share of the rate.
func TestAudio_Share(t *testing.T) {
	t.Parallel()
	const rate, share = 100, 0.2
	k := newStoreKilledIn(t, into(filepath.Join(t.TempDir(), "lake")), 2000, 3)
	writeFile(t, k.config, strings.Replace(readFile(t, k.config), "sync: { ", "sync: { page_size: 40, ", 1))
	cfg, err := config.Load(config.Options{File: k.config, LookupEnv: os.LookupEnv})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Projects[0].MaxRequestsPerSecond = rate // of this machine, a file sets none
	process, quiet := newShared(cfg.Sync.Workers), &app{log: slog.New(slog.DiscardHandler)}
	sync := func() (requests, inserted int64) {
		share := process.join()
		defer share.leave()
		report, err := syncOnce(t.Context(), quiet, cfg, syncOptions{projects: cfg.Projects, share: share})
		if err != nil {
			t.Fatal(err)
		}
		return report.Requests, report.Conversations.Inserted
	}
	sync()
	audio, err := newAudio(t.Context(), quiet, cfg, cfg.Projects, process)
	if err != nil {
		t.Fatal(err)
	}
	defer audio.close()
	stop, done := make(chan struct{}), make(chan int64)
	audio.Stop = stop
	go func() {
		report, err := audio.do(t.Context())
		if err != nil || report.Incomplete() {
			t.Errorf("%v, %+v", err, report)
		}
		done <- report.Total().Stored
	}()
	k.later.Add(int64(24 * time.Hour))
	began := time.Now()
	requests, inserted := sync()
	took, asked := time.Since(began), k.simulator.AudioRequests().Total()
	close(stop)
	stored := <-done
	t.Logf("%d conversations in %d requests and %v; recordings: %d requests meanwhile, %d stored", inserted, requests, took, asked, stored)
	if requests < 50 || inserted < 1000 {
		t.Errorf("%d requests, %d conversations inserted", requests, inserted)
	}
	// Within a second, the share may be exceeded by a third.
	if most := int64(share * rate * 4 / 3 * (took.Seconds() + 1)); asked > most || asked == 0 {
		t.Errorf("%d recordings were requested in %v, at most %d expected", asked, took, most)
	}
	if k.storedRows() != int(stored) {
		t.Errorf("%d recordings were stored, and the rows say otherwise", stored)
	}
}

// storedRows returns the number of rows with a copy.
func (k *storeKilled) storedRows() (n int) {
	k.t.Helper()
	for _, a := range storedRecordings(k.t, k.config) {
		if a.StoredAt.Valid {
			n++
		}
	}
	return n
}

// TestAudio_Deleted removes the copies of a conversation that the source removed.
func TestAudio_Deleted(t *testing.T) {
	t.Parallel()
	destinations(t, func(t *testing.T, destination string) {
		k := newStoreKilled(t, destination, 40)
		writeFile(t, k.config, strings.Replace(readFile(t, k.config), "sync: { ", "sync: { on_missing: delete, ", 1))
		k.run(0)
		before, removed := k.wantStored(), ""
		for truth := range k.simulator.Truth(recordedProject, "live", k.now()) {
			_, recorded := k.simulator.Recording(recordedProject, truth.ID, "combined", true, k.now())
			if recorded && k.starts[truth.ID].After(standing.Add(-6*time.Hour)) {
				removed = truth.ID
				k.simulator.Override(recordedProject, "live", truth.Index, simulate.Override{Remove: true})
				break
			}
		}
		k.later.Add(int64(2 * time.Hour))
		k.run(0, everything()...)
		for key, a := range storedRecordings(t, k.config) {
			if key.ConversationID == removed {
				t.Errorf("a row of a deleted conversation: %+v", a)
			}
		}
		after := k.storedRows()
		if files := k.wantStored(); files != after || after < before-2 {
			t.Errorf("%d files before; after the conversation was deleted, %d files and %d rows", before, files, after)
		}
		found, err := filepath.Glob(filepath.Join(k.folder, "*/*/*/*", "*"+removed+"*"))
		if err != nil || removed == "" || len(found) > 0 {
			t.Errorf("copies of %q: %q, %v", removed, found, err)
		}
	})
}

// TestAudio_Busy starts a run while another process works on a backlog: the new run
// syncs, and leaves the recordings to the other one.
func TestAudio_Busy(t *testing.T) {
	t.Parallel()
	destinations(t, func(t *testing.T, destination string) {
		k := newStoreKilled(t, destination, 40)
		g := k.holdAudio(0)
		first := make(chan bool)
		go func() { first <- k.run(0) }()
		g.await(t, audioWorkers, 0)
		k.later.Add(int64(6 * time.Hour))
		convsync(t, nil, "run", "--config", k.config).
			want(t, exitOK, " new, ", "skipped the recordings of project acme-team-4")
		g.pass(1 << 40)
		<-first
		k.settleStore(0)
	})
}
