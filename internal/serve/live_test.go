package serve

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/pipeline"
	"convsync/internal/ratelimit"
)

// goingRun is a run that goes, by what its readers count.
func goingRun(id string) (p *pipeline.Progress, stats *extract.Stats, end func(error) *pipeline.Report) {
	p, stats = &pipeline.Progress{}, &extract.Stats{}
	o := pipeline.Options{
		Owner: load.Owner{RunID: id}, Stats: stats, Progress: p,
		Budgets: []pipeline.Budget{{Budget: ratelimit.NewBudget(ratelimit.BudgetOptions{PerSecond: 5}), Host: "api.example.com", Project: "acme-team-1"}},
	}
	return p, stats, o.Account(pipeline.KindIncremental)
}

func wantMetrics(t *testing.T, s *Server, when string, want ...string) {
	t.Helper()
	text := get(s, "/metrics").Body.String()
	for _, w := range want {
		if !strings.Contains(text, "\n"+w+"\n") {
			t.Errorf("%s, the metrics lack %s", when, w)
		}
	}
}

func TestCountersMoveWhileARunGoesAndCountNothingTwice(t *testing.T) {
	t.Parallel()
	destination, feeds := healthy(1, time.Now())
	m := NewMetrics()
	s := newServer(t, Options{Destination: destination, Feeds: feeds, Metrics: m})
	wantMetrics(t, s, "before a run", "convsync_requests_total 0", "convsync_runs_in_progress 0", `convsync_queue_depth{stage="load"} 0`)
	m.Observe(report(time.Now())) // of 40 requests
	p, stats, end := goingRun("run-2")
	ended := m.Follow(p)
	stats.Requests.Add(7)
	stats.Bytes.Add(1000)
	wantMetrics(t, s, "while it goes", "convsync_requests_total 47", "convsync_received_bytes_total 1617", "convsync_runs_in_progress 1",
		`convsync_requests_per_second_allowed{host="api.example.com",project="acme-team-1"} 5`,
		`convsync_requests_per_second{host="api.example.com",project="acme-team-1"} 0`, `convsync_run_read_conversations{kind="incremental"} 0`)
	stats.Requests.Add(1)
	wantMetrics(t, s, "a moment later", "convsync_requests_total 48")
	ended(end(nil))
	wantMetrics(t, s, "at its end", "convsync_requests_total 48", "convsync_received_bytes_total 1617", "convsync_runs_in_progress 0",
		`convsync_runs_total{kind="incremental",status="succeeded"} 2`)
}

func TestWhatARunCountedStaysWhenAnotherFailureEndsIt(t *testing.T) {
	t.Parallel()
	destination, feeds := healthy(1, time.Now())
	m := NewMetrics()
	s := newServer(t, Options{Destination: destination, Feeds: feeds, Metrics: m})
	p, stats, _ := goingRun("run-1")
	ended := m.Follow(p)
	stats.Requests.Add(3)
	ended(pipeline.Failed(pipeline.KindIncremental, time.Now(), errAway))
	wantMetrics(t, s, "after it", "convsync_requests_total 3", `convsync_runs_total{kind="incremental",status="failed"} 1`)
	never := m.Follow(&pipeline.Progress{})
	wantMetrics(t, s, "before one begins", "convsync_requests_total 3", "convsync_runs_in_progress 0")
	never(pipeline.Failed(pipeline.KindIncremental, time.Now(), errAway))
	wantMetrics(t, s, "after one that never began", "convsync_requests_total 3", `convsync_runs_total{kind="incremental",status="failed"} 2`)
}

func TestThePageShowsTheRunThatGoes(t *testing.T) {
	t.Parallel()
	destination, feeds := healthy(1, time.Now())
	m := NewMetrics()
	s := newServer(t, Options{Destination: destination, Feeds: feeds, Metrics: m})
	if page := get(s, "/").Body.String(); !strings.Contains(page, "No run is in progress.") {
		t.Error("it does not say that no run goes")
	}
	p, _, _ := goingRun("run-1")
	m.Follow(p)
	page := get(s, "/").Body.String()
	for _, want := range []string{"incremental, started", "0 requests per second, of 5 allowed: api.example.com, key of acme-team-1", "not known yet"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestTheTextfileHasWhatTheRunDid(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "convsync.prom")
	now := time.Unix(1_790_000_000, 0)
	r := report(now)
	watermark := now.Add(-time.Minute)
	r.Projects = []pipeline.Project{{ProjectID: "acme-team-1", Environment: "live", Watermark: &watermark, Open: 4}, {ProjectID: "acme-team-2", Environment: "live"}}
	if err := WriteTextfile(path, r, "1.2.3"); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`convsync_last_run_timestamp_seconds{kind="incremental",status="succeeded"} 1.79e+09`, `convsync_last_run_duration_seconds{kind="incremental"} 90`,
		`convsync_last_run_requests{kind="incremental"} 40`, `convsync_last_run_responses{kind="incremental",status="429"} 3`,
		`convsync_last_run_conversations{kind="incremental",outcome="inserted"} 60`, `convsync_last_run_rows_written{kind="incremental",table="turns"} 700`,
		`convsync_watermark_timestamp_seconds{environment="live",project="acme-team-1"} 1.78999994e+09`,
		`convsync_open_conversations{environment="live",project="acme-team-1"} 4`, `convsync_build_info{version="1.2.3"} 1`,
	} {
		if !strings.Contains(string(text), want+"\n") {
			t.Errorf("the file lacks %s:\n%s", want, text)
		}
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(&lastRun{r})
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if problems, err := promlint.NewWithMetricFamilies(families).Lint(); err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); len(left) != 1 {
		t.Errorf("there is more than the file: %v", left)
	}
}

func TestLive_Destination(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		destination, feeds := healthy(1, time.Now())
		destination.goAway(errAway)
		var seen []Sight
		w := newWatch(&Options{Destination: destination, Feeds: feeds, Log: discard, Watched: func(s Sight) { seen = append(seen, s) }})
		ctx, stop := context.WithCancel(t.Context())
		go w.run(ctx)
		synctest.Wait()
		if len(seen) != 1 || seen[0].Watermarks != nil || seen[0].Failing.IsZero() || seen[0].Err == nil {
			t.Fatalf("at first it sees %+v", seen)
		}
		destination.goAway(nil)
		wait(watchAgain + time.Second)
		synctest.Wait()
		f := feeds[0].key()
		if len(seen) != 2 || !seen[1].Failing.IsZero() || seen[1].Watermarks[f] != destination.states[f].Watermark {
			t.Fatalf("when it is back, after a short while, it sees %+v", seen)
		}
		stop()
		synctest.Wait()
	})
}

func TestSecretsAreRenewedWithoutARestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		destination, feeds := healthy(1, time.Now())
		var token atomic.Value // "": it cannot be read
		token.Store("made-up-token-0001")
		o := Options{
			Address:     "0.0.0.0:0",
			Token:       "made-up-token-0001",
			Destination: destination,
			Feeds:       feeds,
			Log:         discard,
			Renew: func(context.Context) (string, string, error) {
				if now := token.Load().(string); now != "" {
					return now, "", nil
				}
				return "", "", errAway
			},
		}
		s := newServer(t, o)
		ctx, stop := context.WithCancel(t.Context())
		go s.guard.renew(ctx, &s.options)
		may := func(token string) bool {
			return get(s, "/metrics", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }).Code == http.StatusOK
		}
		token.Store("made-up-token-0002")
		wait(renewEvery + time.Second)
		synctest.Wait()
		if may("made-up-token-0001") || !may("made-up-token-0002") {
			t.Error("the token of before is asked for")
		}
		token.Store("")
		wait(renewEvery + time.Second)
		synctest.Wait()
		if may("") || !may("made-up-token-0002") {
			t.Error("where it cannot be read, the token of before does not stay")
		}
		token.Store("too-short")
		wait(renewEvery + time.Second)
		synctest.Wait()
		if may("too-short") || !may("made-up-token-0002") {
			t.Error("a weak token replaced the previous one")
		}
		stop()
		synctest.Wait()
	})
}
