package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/pgtest"
	"convsync/internal/simulate"
	"convsync/internal/warehouse"
)

// BenchmarkStore stores 100 recordings of 20 MB with two workers. In turn with it,
// `curl | tee | sha256sum` writes the same files, two at a time. That checks nothing,
// and its files are not durable. Both have processes of their own.
func BenchmarkStore(b *testing.B) {
	for _, on := range []struct{ name, parent string }{{"Disk", ""}, {"Memory", "/dev/shm"}} {
		b.Run(on.name, func(b *testing.B) {
			const rounds, size = 3, 20 << 20
			_, server := withRecordings(b, 103, simulate.Audio{Bytes: size})
			for b.Loop() {
				var own, curl measured
				recordings := 0
				for range rounds {
					dir, err := os.MkdirTemp(on.parent, "convsync-bench-")
					if err != nil {
						b.Fatal(err)
					}
					list := storeOnce(b, server.URL, dir, &own)
					curlOnce(b, list, &curl)
					recordings += strings.Count(list, "\n")
					if err := os.RemoveAll(dir); err != nil {
						b.Fatal(err)
					}
				}
				mb := float64(recordings) * size / 1e6
				b.ReportMetric(mb/own.seconds, "MB/s")
				b.ReportMetric(mb/curl.seconds, "curl-MB/s")
				b.ReportMetric(curl.seconds/own.seconds, "times-curl")
				b.ReportMetric(curl.cpuSeconds/own.cpuSeconds, "times-curl-by-CPU")
				b.ReportMetric(own.peakMB, "peak-MB")
			}
		})
	}
}

// storeOnce stores all recordings in a folder, and returns a URL and a file, to which
// it can be written, for each of them.
func storeOnce(b *testing.B, url, dir string, spent *measured) (list string) {
	b.Helper()
	lake := into(filepath.Join(b.TempDir(), "lake"))
	file, folder := configureAudio(b, url, lake, "reference")
	measure(b, command(b.Context(), "run", "--config", file, "--log-level", "warn"))
	text := strings.NewReplacer("audio: reference", "audio: store", folder, filepath.Join(dir, "recordings")).Replace(readBytes(b, file))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	spent.add(measure(b, command(b.Context(), "run", "--audio-only", "--config", file, "--log-level", "warn")))
	var made strings.Builder
	for key, a := range storedRecordings(b, file) {
		if !a.StoredAt.Valid {
			b.Fatalf("the recording of %s is %s: %s", key.ConversationID, a.Availability, a.Reason)
		}
		fmt.Fprintf(&made, "%s %s/%d.wav\n", a.URL, dir, made.Len())
	}
	if err := os.RemoveAll(filepath.Join(dir, "recordings")); err != nil {
		b.Fatal(err)
	}
	return made.String()
}

// curlOnce writes the files of a list.
func curlOnce(b *testing.B, list string, spent *measured) {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), "xargs", "-P", "2", "-n", "2", "sh", "-c",
		`curl -qsSf --noproxy '*' -H 'X-API-Key: made-up-key' "$0" | tee "$1" | sha256sum > "$1.sha256"; test -s "$1"`)
	cmd.Stdin = strings.NewReader(list)
	spent.add(measure(b, cmd))
}

// BenchmarkMillion reads a destination with 1,000,000 stored recordings of a year: by
// exports, and by runs with nothing to do.
func BenchmarkMillion(b *testing.B) {
	for _, destination := range []string{"Parquet", "Postgres"} {
		b.Run(destination, func(b *testing.B) {
			database := pgtest.URL(b)
			into := into(filepath.Join(b.TempDir(), "lake"))
			if destination == "Postgres" {
				into = intoPostgres(database)
			}
			for b.Loop() {
				simulator, server := withRecordings(b, 1000, simulate.Audio{Bytes: 512})
				file, _ := configureAudio(b, server.URL, into, "store")
				run := func(more ...string) measured {
					return measure(b, command(b.Context(), append([]string{"run", "--config", file, "--log-level", "warn"}, more...)...))
				}
				run()
				requests := simulator.AudioRequests().Total()
				before := run()
				seedStored(b, file, 1_000_000)
				if destination == "Postgres" {
					pgtest.Exec(b, database, "VACUUM ANALYZE")
				}
				b.ReportMetric(run().seconds, "first-run-s")
				after, only := run(), run("--audio-only")
				if more := simulator.AudioRequests().Total() - requests; more > 0 {
					b.Errorf("%d recordings were requested although none is due", more)
				}
				b.ReportMetric(before.seconds, "run-of-1000-s")
				b.ReportMetric(after.seconds, "run-s")
				b.ReportMetric(after.peakMB, "run-peak-MB")
				b.ReportMetric(only.seconds, "audio-only-s")
				benchReads(b, file)
				for _, days := range []int{36, 365} {
					spent := exportDays(b, file, days)
					b.ReportMetric(spent.seconds, fmt.Sprintf("export-%d-days-s", days))
					b.ReportMetric(spent.cpuSeconds, fmt.Sprintf("export-%d-days-CPU-s", days))
					b.ReportMetric(spent.peakMB, fmt.Sprintf("export-%d-days-peak-MB", days))
				}
			}
		})
	}
}

// seededUntil is the end of the year that seedStored fills. Runs do not read it.
var seededUntil = standing.AddDate(0, 0, -22)

// seedStored loads n conversations of a year with a stored recording each.
func seedStored(b *testing.B, file string, n int) {
	b.Helper()
	d := openConfigured(b, file)
	w, err := d.Begin(b.Context(), load.Owner{RunID: "seed", Started: warehouse.TimestampOf(standing)})
	if err != nil {
		b.Fatal(err)
	}
	const batch, batches = 500, 160
	window := &load.Window{Feed: load.Feed{ProjectID: recordedProject, Environment: "live"}, RunID: "seed", At: warehouse.TimestampOf(standing)}
	for from := 0; from < n; from += batch {
		rows := make([]*warehouse.Rows, min(batch, n-from))
		for i := range rows {
			rows[i] = storedConversation(from+i, seededUntil.Add(-365*24*time.Hour/time.Duration(n)*time.Duration(n-from-i)))
		}
		if err := w.Stage(b.Context(), &load.Batch{Window: window.ID, Feed: window.Feed, Rows: rows}); err != nil {
			b.Fatal(err)
		}
		if from/batch%batches == batches-1 || from+batch >= n {
			if _, err := w.Publish(b.Context(), window); err != nil {
				b.Fatal(err)
			}
			window.ID++
		}
	}
	row := &warehouse.SyncRun{RunID: "seed", Kind: "incremental", Status: warehouse.RunSucceeded, StartedAt: warehouse.TimestampOf(standing)}
	if err := errors.Join(w.Finish(b.Context(), row), w.Close()); err != nil {
		b.Fatal(err)
	}
}

func storedConversation(i int, start time.Time) *warehouse.Rows {
	id := fmt.Sprintf("CA%032x", uint64(i)*0x9E3779B97F4A7C15)
	return loadtest.Conversation(recordedProject, id, start, loadtest.Turns(0), loadtest.NoMetrics(""), func(r *warehouse.Rows) {
		at := warehouse.Some(warehouse.TimestampOf(start.Add(time.Hour)))
		r.Audio = []warehouse.AudioReference{{
			Direction:         "combined",
			Redacted:          true,
			URL:               warehouse.Text("https://agents.example/v1/agents/" + recordedProject + "/conversations/" + id + "/audio?direction=combined&redacted=true"),
			Availability:      warehouse.AudioAvailable,
			CheckedAt:         at,
			SizeBytes:         warehouse.Some(int64(1_520_044)),
			DurationSeconds:   warehouse.Some(95.0),
			SampleRateHz:      warehouse.Some(int64(8000)),
			Channels:          warehouse.Some(int64(1)),
			Codec:             "pcm_s16le",
			SHA256:            warehouse.Text(fmt.Sprintf("%064x", uint64(i)*0xC2B2AE3D27D4EB4F)),
			StoredURI:         warehouse.Text(recordedProject + start.Format("/2006/01/02/") + id + ".combined.redacted.wav"),
			StoredAt:          at,
			RedactionEvidence: warehouse.EvidenceRequested,
		}}
	})
}

// benchReads measures what a run with nothing to do asks a destination.
func benchReads(b *testing.B, file string) {
	b.Helper()
	d := openConfigured(b, file)
	state, err := d.RecordingState(b.Context(), recordedProject)
	if err != nil {
		b.Fatal(err)
	}
	for name, read := range map[string]func() error{
		"backlog": func() error {
			due, err := d.Backlog(b.Context(), recordedProject, load.Backlog{
				Kinds: []load.RecordingKind{{Direction: "combined", Redacted: true}},
				Store: true,
				DueAt: warehouse.TimestampOf(standing),
				Limit: 500,
			})
			if len(due) > 0 {
				err = fmt.Errorf("%d are due", len(due))
			}
			return err
		},
		"counts": func() error {
			_, err := d.RecordingCounts(b.Context(), map[string][]load.RecordingKind{recordedProject: {{Direction: "combined", Redacted: true}}})
			return err
		},
		"state":   func() error { _, err := d.RecordingState(b.Context(), recordedProject); return err },
		"removed": func() error { _, _, err := d.Removed(b.Context(), recordedProject, state.RemovedUpTo); return err },
	} {
		const times = 5
		started := time.Now()
		for range times {
			if err := read(); err != nil {
				b.Fatal(name, err)
			}
		}
		b.ReportMetric(time.Since(started).Seconds()*1000/times, name+"-ms")
	}
}

// exportDays exports the list of the last days that seedStored has filled.
func exportDays(b *testing.B, file string, days int) measured {
	b.Helper()
	dir := filepath.Join(b.TempDir(), fmt.Sprint("export-", days))
	day := func(t time.Time) string { return t.Format(time.RFC3339) }
	cmd := command(b.Context(), "export", "audio", "--config", file, "--list", dir, "--from", day(seededUntil.AddDate(0, 0, -days)), "--to", day(seededUntil))
	spent := measure(b, cmd, exitPartial) // the range is not covered: nothing was read from the source
	rows := strings.Count(readBytes(b, filepath.Join(dir, "recordings.csv")), "\n") - 1
	if want := 1_000_000 / 365 * days; rows < want {
		b.Fatalf("%d rows are exported, want %d", rows, want)
	}
	return spent
}

// measured holds the time and memory that processes used.
type measured struct{ seconds, cpuSeconds, peakMB float64 }

func (m *measured) add(other measured) {
	m.seconds, m.cpuSeconds = m.seconds+other.seconds, m.cpuSeconds+other.cpuSeconds
	m.peakMB = max(m.peakMB, other.peakMB)
}

// measure runs a process, with those that it starts. It fails if the exit code is not
// 0 or one of the others. The peak is that of the process alone.
func measure(b *testing.B, cmd *exec.Cmd, others ...int) (m measured) {
	b.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	started := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	stop, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		m.peakMB = watchPeak(cmd.Process.Pid, stop)
	}()
	err := cmd.Wait()
	m.seconds = time.Since(started).Seconds()
	close(stop)
	<-watched
	if err != nil && !slices.Contains(others, cmd.ProcessState.ExitCode()) {
		b.Fatalf("%v\n%s", err, out.String())
	}
	m.cpuSeconds = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	return m
}

// watchPeak returns the highest resident memory of a process. The kernel's figure at
// its end includes that of the parent before exec, which here has a million rows.
func watchPeak(pid int, stop <-chan struct{}) (peakMB float64) {
	for tick := time.Tick(20 * time.Millisecond); ; {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) // empty if it has ended
		if _, after, found := strings.Cut(string(status), "VmHWM:"); found {
			var kb float64
			if n, _ := fmt.Sscan(after, &kb); n == 1 {
				peakMB = kb / 1024
			}
		}
		select {
		case <-tick:
		case <-stop:
			return peakMB
		}
	}
}
