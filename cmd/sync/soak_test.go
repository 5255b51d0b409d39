package main

import (
	"context"
	"flag"
	"io"
	"io/fs"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"convsync/internal/simulate"
)

var (
	soakFor   = flag.Duration("soak.for", 20*time.Second, "how long `serve` runs and runs, for each destination")
	soakEvery = flag.Duration("soak.every", 2*time.Second, "how often it runs in that time")
)

const (
	succeededRuns = `convsync_runs_total{kind="incremental",status="succeeded"}`
	mebibyte      = 1 << 20
)

// A soak is a source that lives on and fails now and then, and a process that
// reads it again and again.
type soak struct {
	t          *testing.T
	simulator  *simulate.Simulator
	stopped    atomic.Int64 // the source's clock, once it stands still, in Unix nanoseconds
	began      time.Time
	config     string
	temporary  string // the process's folder for temporary files
	goroutines string // the file that says how many the process has
	series     map[string][]float64
}

func newSoak(t *testing.T, destination string) *soak {
	t.Helper()
	s := &soak{
		t:          t,
		began:      time.Now().UTC(),
		temporary:  t.TempDir(),
		goroutines: filepath.Join(t.TempDir(), "goroutines"),
		series:     map[string][]float64{},
	}
	faults := map[simulate.Fault]float64{
		simulate.Status429: 0.005, simulate.Status500: 0.01, simulate.Status502: 0.01, simulate.Status503: 0.01,
		simulate.Reset: 0.01, simulate.CutBody: 0.01, simulate.Malformed: 0.01, simulate.StaleCursor: 0.01,
	}
	if *soakFor >= 10*time.Minute {
		faults[simulate.StallBody] = 0.001 // each holds a run up for a while
	}
	var err error
	s.simulator, err = simulate.New(simulate.Options{
		Seed:   17,
		Now:    s.now,
		Gzip:   true,
		Faults: simulate.Faults{Share: faults},
		Deviations: simulate.Deviations{
			LateArrivals:  true,
			PageOverlap:   true,
			MetricForms:   true,
			EntityForms:   true,
			UnknownFields: true,
		},
		Projects: []simulate.Project{{
			AccountID:    "acme-uk",
			ID:           "acme-team-4",
			From:         s.began.Add(-24 * time.Hour),
			To:           s.began.Add(24 * time.Hour),
			TurnsMean:    4,
			Environments: []simulate.Environment{{Name: "live", Conversations: 12_000}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(s.simulator)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it would log each fault
	server.Start()
	t.Cleanup(server.Close)
	s.config = filepath.Join(t.TempDir(), "convsync.yaml")
	writeFile(t, s.config, `
source: { base_url: "`+server.URL+`", account_id: acme-uk, api_key: made-up-key, projects: [{ id: acme-team-4 }] }
destination: { `+destination+` }
sync: { start: `+s.began.AddDate(0, 0, -2).Format(time.DateOnly)+`, page_size: 100 }
schedules: { often: { cron: "@every `+soakEvery.String()+`" } }
serve: { listen: "127.0.0.1:0" }
`)
	return s
}

// now is the source's clock.
func (s *soak) now() time.Time {
	if at := s.stopped.Load(); at != 0 {
		return time.Unix(0, at).UTC()
	}
	return time.Now().UTC()
}

// run lets the process run for its time and takes samples: what it says of
// itself, and more.
func (s *soak) run(more func(sample func(name string, value float64))) {
	s.t.Helper()
	process := serveIn(s.t, s.config, []string{"TMPDIR=" + s.temporary, collecting + "=" + s.goroutines}, "--run-now")
	process.await("the first run succeeds", func(values map[string]float64) bool { return values[succeededRuns] > 0 })
	from, began := process.metrics()[succeededRuns], time.Now()
	sample := func(name string, value float64) { s.series[name] = append(s.series[name], value) }
	tick := time.NewTicker(max(*soakFor/3000, 100*time.Millisecond))
	defer tick.Stop()
	// On a machine that is slow, longer: some runs must be seen, and the time between them.
	enough := func(values map[string]float64) bool {
		return time.Since(began) >= *soakFor && values[succeededRuns] >= from+6 && len(s.series["process_open_fds"]) >= 60
	}
	for values := process.metrics(); !enough(values); values = process.metrics() {
		sample("process_resident_memory_bytes", values["process_resident_memory_bytes"])
		if values["convsync_runs_in_progress"] == 0 { // what a run holds is no leak
			for _, name := range []string{"go_memstats_heap_alloc_bytes", "process_open_fds"} {
				sample(name, values[name])
			}
			sample("goroutines", s.countGoroutines())
		}
		more(sample)
		select {
		case <-tick.C:
		case <-s.t.Context().Done():
			s.t.Fatal(s.t.Context().Err())
		}
		if time.Since(began) > 2**soakFor+15*time.Minute {
			s.t.Fatalf("in %v, these runs only: %v", time.Since(began), runsOf(values))
		}
	}
	values := process.metrics()
	s.t.Logf("%g runs succeeded in %v, %g requests, %g repeated", values[succeededRuns]-from, time.Since(began).Round(time.Second),
		values["convsync_requests_total"], values["convsync_retries_total"])
	for name, value := range runsOf(values) {
		if name != succeededRuns {
			s.t.Errorf("%s is %g", name, value)
		}
	}
	if said := process.stop(); strings.Contains(said, `"level":"ERROR"`) {
		s.t.Errorf("its log:\n%s", said)
	}
}

func (s *soak) countGoroutines() float64 {
	s.t.Helper()
	text, err := os.ReadFile(s.goroutines)
	if err != nil {
		s.t.Fatal(err)
	}
	count, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		s.t.Fatal(err)
	}
	return count
}

// wantFlat compares the second third of a series with its last: the first is
// for warming up. Of memory the middle value counts; of what is held now and
// then, the lowest.
func (s *soak) wantFlat(name string, typical func([]float64) float64, share, more float64) {
	s.t.Helper()
	series := s.series[name]
	third := len(series) / 3
	if third < 20 {
		s.t.Fatalf("%s: %d samples show nothing", name, len(series))
	}
	early, late := typical(series[third:2*third]), typical(series[len(series)-third:])
	s.t.Logf("%s: %.4g, then %.4g", name, early, late)
	if late > early*(1+share)+more {
		s.t.Errorf("%s grows: from %.4g to %.4g", name, early, late)
	}
}

func median(values []float64) float64 { return slices.Sorted(slices.Values(values))[len(values)/2] }

func lowest(values []float64) float64 { return slices.Min(values) }

// wantHealth holds that the process took no more and more of anything, left
// nothing behind, and that all is stored as it is at the source.
func (s *soak) wantHealth() {
	s.t.Helper()
	s.wantFlat("process_resident_memory_bytes", median, 0.2, 32*mebibyte)
	s.wantFlat("go_memstats_heap_alloc_bytes", lowest, 0.2, 8*mebibyte)
	s.wantFlat("goroutines", lowest, 0, 1)
	s.wantFlat("process_open_fds", lowest, 0, 2)
	left, err := os.ReadDir(s.temporary)
	if err != nil || len(left) != 0 {
		s.t.Errorf("temporary files are left: %v, %v", left, err)
	}
	s.stopped.Store(time.Now().UnixNano())
	day := func(days int) string { return s.began.AddDate(0, 0, days).Format(time.DateOnly) }
	convsync(s.t, nil, "run", "--config", s.config, "--log-level", "error", "--from", day(-2)).want(s.t, exitOK)
	// Half of the 12,000 conversations, and fewer if the day before now is one of a weekend.
	if p := verifyAll(s.t, s.config, exitOK, "--from", day(-2), "--to", day(2)).Projects[0]; p.Same < 2_000 || p.Stored != p.Listed {
		s.t.Errorf("%+v", p)
	}
}

func TestARunEveryFewSecondsTakesNoMoreAndMoreWithParquet(t *testing.T) {
	t.Parallel()
	lake := filepath.Join(t.TempDir(), "lake")
	s := newSoak(t, into(lake))
	s.run(func(sample func(string, float64)) {
		files, temporary := 0, 0
		_ = filepath.WalkDir(lake, func(name string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() {
				files++
				if strings.Contains(name, "/_sync/tmp/") {
					temporary++
				}
			}
			return nil //nolint:nilerr // files come and go
		})
		sample("files", float64(files))
		sample("temporary files", float64(temporary))
	})
	s.wantFlat("files", lowest, 0, 40) // a new day adds its own
	s.wantFlat("temporary files", lowest, 0, 0)
	s.wantHealth()
}

func TestARunEveryFewSecondsTakesNoMoreAndMoreWithPostgres(t *testing.T) {
	t.Parallel()
	database := newDatabase(t)
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.WithoutCancel(t.Context())) })
	s := newSoak(t, intoPostgres(database))
	s.run(func(sample func(string, float64)) {
		var sessions float64
		err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()").Scan(&sessions)
		if err != nil {
			t.Fatal(err)
		}
		sample("sessions", sessions)
	})
	s.wantFlat("sessions", lowest, 0, 2)
	s.wantHealth()
}
