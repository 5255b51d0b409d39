package main

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"convsync/internal/config"
	"convsync/internal/pipeline"
	"convsync/internal/simulate"
	"convsync/internal/warehouse"
)

// quickly runs a configuration inside the test, with short waits before retries.
func quickly(t *testing.T, file string) *pipeline.Report {
	t.Helper()
	cfg, err := config.Load(config.Options{File: file, LookupEnv: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	run, err := newRun(t.Context(), &app{log: slog.New(slog.DiscardHandler)}, cfg, syncOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer run.destination.Close()
	for i := range run.Feeds {
		run.Feeds[i].Reader.Backoff = time.Millisecond
	}
	report, err := pipeline.Run(t.Context(), run.Options)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// TestAFaultyNetworkLosesNothing reads a source of which one request in five
// fails in some way that passes.
func TestAFaultyNetworkLosesNothing(t *testing.T) {
	t.Parallel()
	const n = 3000
	options := simulate.Options{
		Seed: 5,
		Now:  func() time.Time { return standing },
		Gzip: true,
		Projects: []simulate.Project{{
			AccountID:    "acme-uk",
			ID:           "acme-team-4",
			From:         standing.AddDate(0, 0, -20),
			To:           standing.AddDate(0, 0, -1),
			TurnsMean:    3,
			Environments: []simulate.Environment{{Name: "live", Conversations: n}},
		}},
		Faults: simulate.Faults{Share: map[simulate.Fault]float64{
			simulate.Status500: 0.03, simulate.Status502: 0.03, simulate.Status503: 0.03, simulate.Reset: 0.03,
			simulate.CutBody: 0.03, simulate.Malformed: 0.02, simulate.StaleCursor: 0.02,
		}},
	}
	destinations(t, func(t *testing.T, destination string) {
		simulator, err := simulate.New(options)
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(simulator)
		t.Cleanup(server.Close)
		file := configure(t, server.URL, destination)
		writeFile(t, file, `
source: { base_url: "`+server.URL+`", account_id: acme-uk, api_key: made-up-key, projects: [{ id: acme-team-4 }] }
destination: { `+destination+` }
sync: { start: 2026-05-01, page_size: 20 }
`)
		report := quickly(t, file)
		for runs := 1; report.Status != warehouse.RunSucceeded; runs++ {
			if runs == 5 {
				t.Fatalf("after %d runs: %s, %v", runs, report.Status, report.Errors)
			}
			report = quickly(t, file)
		}
		if report.Retries == 0 {
			t.Error("no request failed: the test shows nothing")
		}
		whole := options
		whole.Faults = simulate.Faults{} // what fails is not read again here
		simulator, err = simulate.New(whole)
		if err != nil {
			t.Fatal(err)
		}
		well := httptest.NewServer(simulator)
		t.Cleanup(well.Close)
		p := verifyAll(t, configure(t, well.URL, destination), exitOK).Projects[0]
		if p.Same != n || p.Stored != n {
			t.Errorf("%+v", p)
		}
	})
}

// TestAKeyThatIsRevokedInTheMiddleStopsItsProjectAtOnce checks that data that
// was read before stays, and that the next run with a valid key continues from
// there.
func TestAKeyThatIsRevokedInTheMiddleStopsItsProjectAtOnce(t *testing.T) {
	t.Parallel()
	const n = 3000
	destinations(t, func(t *testing.T, destination string) {
		simulator, plain := past(t, n, 3, simulate.Deviations{})
		var revoked atomic.Bool
		var requests, refused atomic.Int64
		revoked.Store(true)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if requests.Add(1) > 12 && revoked.Load() {
				refused.Add(1)
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			simulator.ServeHTTP(w, r)
		}))
		t.Cleanup(server.Close)
		plain.Close()
		file := configure(t, server.URL, destination)
		writeFile(t, file, `
source: { base_url: "`+server.URL+`", account_id: acme-uk, api_key: made-up-key, projects: [{ id: acme-team-4 }] }
destination: { `+destination+` }
sync: { start: 2026-05-01, page_size: 20 }
`)
		report := quickly(t, file)
		if report.Status != warehouse.RunFailed || refused.Load() > 8 {
			t.Errorf("%s after %d refusals, %v", report.Status, refused.Load(), report.Errors)
		}
		revoked.Store(false)
		if report := quickly(t, file); report.Status != warehouse.RunSucceeded {
			t.Fatalf("%s, %v", report.Status, report.Errors)
		}
		if p := verifyAll(t, file, exitOK).Projects[0]; p.Stored != p.Listed || p.Stored < n*9/10 {
			t.Errorf("%+v", p)
		}
	})
}

// hangupIsIgnored is set under nohup. It is asked for before any test receives
// signals, after which the answer is wrong.
var hangupIsIgnored = signal.Ignored(syscall.SIGHUP)

// TestASignalStopsARunAtACommit sends SIGTERM to the real process, and SIGHUP, as
// a terminal that is closed does.
func TestASignalStopsARunAtACommit(t *testing.T) {
	t.Parallel()
	destinations(t, func(t *testing.T, destination string) {
		stop := syscall.SIGTERM
		if strings.Contains(destination, "parquet") && !hangupIsIgnored {
			stop = syscall.SIGHUP
		}
		simulator, plain := past(t, 4000, 3, simulate.Deviations{})
		plain.Close()
		asked := make(chan struct{})
		var requests atomic.Int64
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if requests.Add(1) == 3 {
				close(asked)
				<-r.Context().Done() // not answered, so that the run cannot end before the signal stops it
				return
			}
			simulator.ServeHTTP(w, r)
		}))
		t.Cleanup(server.Close)
		file := configure(t, server.URL, destination)
		cmd := command(context.WithoutCancel(t.Context()), "run", "--config", file, "--log-level", "error", "--output", "json")
		var stdout bytes.Buffer
		cmd.Stdout = &stdout
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		<-asked
		if err := cmd.Process.Signal(stop); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); cmd.ProcessState.ExitCode() != exitInterrupted {
			t.Fatalf("exit code %d, %v", cmd.ProcessState.ExitCode(), err)
		}
		if out := stdout.String(); !strings.Contains(out, `"code":"interrupted"`) {
			t.Errorf("it prints %q", out)
		}
		run(t, file, exitOK)
		if p := verifyAll(t, file, exitOK).Projects[0]; p.Stored != p.Listed || p.Stored < 3500 {
			t.Errorf("%+v", p)
		}
	})
}
