package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"convsync/internal/config"
	"convsync/internal/load"
	"convsync/internal/pipeline"
	"convsync/internal/serve"
	"convsync/internal/simulate"
	"convsync/internal/warehouse"
	"convsync/internal/webhook"
)

// heldSource is a source of two projects, acme-slow and acme-quick. It holds the
// requests of acme-slow until release is called.
type heldSource struct {
	url     string
	asked   chan struct{} // closed at the first request of acme-slow
	release func()
}

const perProject = 60 // conversations of each project of a heldSource

func newHeldSource(t *testing.T) *heldSource {
	t.Helper()
	options := simulate.Options{Seed: 5, Now: func() time.Time { return standing }}
	for _, id := range []string{"acme-slow", "acme-quick"} {
		options.Projects = append(options.Projects, simulate.Project{
			AccountID:    "acme-uk",
			ID:           id,
			From:         standing.AddDate(0, 0, -20),
			To:           standing.Add(-time.Hour),
			TurnsMean:    2,
			Environments: []simulate.Environment{{Name: "live", Conversations: perProject}},
		})
	}
	simulator, err := simulate.New(options)
	if err != nil {
		t.Fatal(err)
	}
	held := make(chan struct{})
	s := &heldSource{asked: make(chan struct{}), release: sync.OnceFunc(func() { close(held) })}
	first := sync.OnceFunc(func() { close(s.asked) })
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "acme-slow") {
			first()
			select {
			case <-held:
			case <-r.Context().Done():
				return
			}
		}
		simulator.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	t.Cleanup(s.release)
	s.url = server.URL
	return s
}

// configureTwo writes a configuration with both projects of a heldSource.
func configureTwo(t *testing.T, url, destination, more string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "convsync.yaml")
	writeFile(t, file, fmt.Sprintf(`
source: { base_url: %q, account_id: acme-uk, api_key: made-up-key, projects: [{ id: acme-slow }, { id: acme-quick }] }
destination: { %s }
sync: { start: %s }
`, url, destination, standing.AddDate(0, 0, -21).Format(time.DateOnly))+more)
	return file
}

// conversationsOf counts the conversations of a project.
func conversationsOf(t *testing.T, file, project string) int {
	t.Helper()
	keys, err := openConfigured(t, file).Keys(t.Context(), load.Feed{ProjectID: project, Environment: "live"}, 0, warehouse.TimestampOf(standing.AddDate(1, 0, 0)))
	if err != nil {
		t.Fatal(err)
	}
	return len(keys)
}

// runsOfKind counts the recorded runs of a kind.
func runsOfKind(t *testing.T, file, kind string) (n int) {
	t.Helper()
	runs, err := openConfigured(t, file).Runs(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	for i := range runs {
		if runs[i].Kind == kind {
			n++
		}
	}
	return n
}

// TestServe_SlowProject runs the real process while the first history of a project
// does not end. Its schedule and its events load the other project, also after the
// configuration was reloaded.
func TestServe_SlowProject(t *testing.T) {
	t.Parallel()
	destinations(t, func(t *testing.T, destination string) {
		source := newHeldSource(t)
		const listen = "serve: { listen: \"127.0.0.1:0\", webhooks: { secret_files: [secret] } }\n"
		file := configureTwo(t, source.url, destination, listen+"schedules: { nightly: { cron: \"0 2 29 2 *\" } }\n")
		writeFile(t, filepath.Join(filepath.Dir(file), "secret"), webhookSecret+"\n")
		p := startReloading(t, file, "--run-now", "--grace", "1h")
		url := p.url(1)
		<-source.asked
		eventually(t, url+"/metrics", `convsync_runs_total{kind="incremental",status="succeeded"} 1`)
		eventually(t, url+"/metrics", "\nconvsync_runs_in_progress 1\n")
		eventually(t, url+"/", "<dt>Projects</dt><dd>acme-slow</dd>")
		if n := conversationsOf(t, file, "acme-quick"); n != perProject {
			t.Errorf("%d conversations of the other project are stored", n)
		}
		event := func(url, id, project string) {
			t.Helper()
			body := fmt.Sprintf(`{"type":"call.completed","project_id":%q,"data":{"note":%q}}`, project, id)
			if status, answer := deliver(t, url, id, body); status != http.StatusOK {
				t.Fatalf("an event is answered with %d, %s", status, answer)
			}
		}
		event(url, "evt-1", "acme-quick")
		eventually(t, url+"/metrics", `convsync_runs_total{kind="event",status="succeeded"} 1`)
		event(url, "evt-2", "acme-slow") // it waits for the history

		p.hangUp(file, strings.Replace(readFile(t, file), "nightly", "weekly", 1), 1, "reloaded the configuration")
		url = p.url(2)
		event(url, "evt-3", "acme-quick")
		eventually(t, url+"/metrics", `convsync_runs_total{kind="event",status="succeeded"} 2`)
		eventually(t, url+"/metrics", "\nconvsync_runs_in_progress 1\n")
		source.release()
		eventually(t, url+"/metrics", `convsync_runs_total{kind="incremental",status="succeeded"} 2`)
		eventually(t, url+"/metrics", `convsync_runs_total{kind="event",status="succeeded"} 3`)
		p.stop()
		if n := conversationsOf(t, file, "acme-slow"); n != perProject {
			t.Errorf("%d conversations of the slow project are stored", n)
		}
		if n := runsOfKind(t, file, pipeline.KindEvent); n != 3 { // evt-2 has only that of the new configuration
			t.Errorf("three events had %d runs", n)
		}
	})
}

// newTestService is a service that was not started, with the configuration of a file.
func newTestService(t *testing.T, file string, log *lines) *service {
	t.Helper()
	cfg, err := config.Load(config.Options{File: file, LookupEnv: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	s := &service{
		log:         slog.New(slog.NewTextHandler(log, nil)),
		metrics:     serve.NewMetrics(),
		lifetime:    newLifetime(),
		cfg:         cfg,
		destination: openConfigured(t, file),
	}
	s.app = &app{log: s.log, stderr: log}
	s.lifetime.shared.resize(cfg.Sync.Workers)
	if s.server, err = serve.New(serve.Options{Destination: s.destination, Metrics: s.metrics}); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestServiceRun_SlowProject has a schedule over two projects. While the first
// history of one does not end, each scheduled time syncs the other one.
func TestServiceRun_SlowProject(t *testing.T) {
	t.Parallel()
	destinations(t, func(t *testing.T, destination string) {
		source := newHeldSource(t)
		var log lines
		s := newTestService(t, configureTwo(t, source.url, destination, ""), &log)
		nightly := &config.Schedule{Name: "nightly", Kind: config.KindIncremental, Lookback: s.cfg.Sync.Lookback}
		first := make(chan error, 1)
		go func() { first <- s.run(t.Context(), nightly) }()
		<-source.asked
		until(t, "the other project was synced", func() bool { return strings.Contains(log.String(), "the run succeeded") })
		for range 2 {
			if err := s.run(t.Context(), nightly); err != nil {
				t.Errorf("a scheduled time while a project is slow: %v", err)
			}
		}
		if n := strings.Count(log.String(), `projects=[acme-slow]`); n != 2 {
			t.Errorf("the slow project was skipped %d times: %s", n, log.String())
		}
		source.release()
		if err := <-first; err != nil {
			t.Error(err)
		}
		s.lifetime.slow.projects = nil                      // on a busy machine it may have taken more than a minute
		if err := s.run(t.Context(), nightly); err != nil { // both in one run again
			t.Error(err)
		}
		runs, err := s.destination.Runs(t.Context(), 10)
		if err != nil || len(runs) != 5 {
			t.Fatalf("%d runs are recorded, %v", len(runs), err)
		}
		for i := range runs {
			if runs[i].Status != warehouse.RunSucceeded {
				t.Errorf("run %d ended %s: %s", i, runs[i].Status, runs[i].Error)
			}
		}
	})
}

// TestServiceRun_Stop has a hard stop while one project is read and a run of
// another schedule waits for it.
func TestServiceRun_Stop(t *testing.T) {
	t.Parallel()
	source := newHeldSource(t)
	var log lines
	s := newTestService(t, configureTwo(t, source.url, into(inFolder(t, "lake")), ""), &log)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var runs sync.WaitGroup
	for _, name := range []string{"nightly", "weekly"} {
		planned := &config.Schedule{Name: name, Kind: config.KindIncremental, Projects: []string{"acme-slow"}, Lookback: s.cfg.Sync.Lookback}
		runs.Go(func() {
			if s.run(ctx, planned) == nil {
				t.Errorf("the run of %s ended without an error", name)
			}
		})
		<-source.asked
	}
	until(t, "the second run waits", func() bool {
		s.lifetime.queue.mu.Lock()
		defer s.lifetime.queue.mu.Unlock()
		return len(s.lifetime.queue.entries) == 2
	})
	stop()
	runs.Wait()
	for _, want := range []string{"a run was interrupted before it started", "the run was interrupted"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q: %s", want, log.String())
		}
	}
}

// TestServiceRun_NoMore has a soft stop while one project is read and a run of
// another schedule, and the sync for an event, wait for it.
func TestServiceRun_NoMore(t *testing.T) {
	t.Parallel()
	source := newHeldSource(t)
	var log lines
	file := configureTwo(t, source.url, into(inFolder(t, "lake")), "")
	s := newTestService(t, file, &log)
	planned := func(name string) *config.Schedule {
		return &config.Schedule{Name: name, Kind: config.KindIncremental, Projects: []string{"acme-slow"}, Lookback: s.cfg.Sync.Lookback}
	}
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { first <- s.run(t.Context(), planned("nightly")) }()
	<-source.asked
	go func() { second <- s.run(t.Context(), planned("weekly")) }()
	until(t, "the second run waits", func() bool {
		s.lifetime.queue.mu.Lock()
		defer s.lifetime.queue.mu.Unlock()
		return len(s.lifetime.queue.entries) == 2
	})
	waiting, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.syncEvents(waiting, t.Context(), webhook.Wanted{ProjectID: "acme-slow"}); !errors.Is(err, context.Canceled) {
		t.Errorf("the sync for an event ends with %v", err)
	}
	s.lifetime.startNoMore()
	source.release()
	if err := <-first; err != nil {
		t.Errorf("the run in progress ends with %v", err)
	}
	if err := <-second; !errors.Is(err, context.Canceled) {
		t.Errorf("the waiting run ends with %v", err)
	}
	if n := runsOfKind(t, file, pipeline.KindIncremental); n != 1 {
		t.Errorf("%d runs are recorded", n)
	}
}

// TestLocked_OneProject has another process that writes one of two projects.
func TestLocked_OneProject(t *testing.T) {
	t.Parallel()
	destinations(t, func(t *testing.T, destination string) {
		source := newHeldSource(t)
		source.release()
		file := configureTwo(t, source.url, destination, "")
		other := openConfigured(t, file)
		if err := other.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		w, err := other.Begin(t.Context(), load.Owner{RunID: "run-1", Actor: "ada", Host: "far", Started: warehouse.TimestampOf(time.Now())}, "acme-slow")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = w.Close() })
		r := convsync(t, nil, "run", "--config", file, "--when-locked", "skip", "--log-level", "error")
		r.want(t, exitOK, "skipped: project acme-slow in ", "run run-1 of ada on far")
		if n := conversationsOf(t, file, "acme-quick"); n != perProject {
			t.Errorf("%d conversations of the other project are stored", n)
		}
		var log lines
		s := newTestService(t, file, &log)
		if err := s.run(t.Context(), &config.Schedule{Name: "nightly", Kind: config.KindIncremental, Lookback: s.cfg.Sync.Lookback}); !isLocked(err) {
			t.Errorf("a scheduled run of a locked project ends with %v", err)
		}
		if !strings.Contains(log.String(), "is being written by run run-1 of ada on far") || !strings.Contains(log.String(), "the run succeeded") {
			t.Errorf("the log is %s", log.String())
		}
	})
}

func TestSlowProjects_Note(t *testing.T) {
	t.Parallel()
	var s slowProjects
	note := func(seconds map[string]float64) {
		r := &pipeline.Report{}
		for id, took := range seconds {
			r.Projects = append(r.Projects, pipeline.Project{ProjectID: id, Seconds: took})
		}
		s.note(r)
	}
	want := func(when string, ids ...string) {
		t.Helper()
		var got []string
		for _, id := range []string{"a", "b", "c"} {
			if s.has(id) {
				got = append(got, id)
			}
		}
		if strings.Join(got, "") != strings.Join(ids, "") {
			t.Errorf("%s: slow are %v, want %v", when, got, ids)
		}
	}
	want("before a run")
	note(map[string]float64{"a": 100, "b": 90, "c": 110})
	want("all take long")
	note(map[string]float64{"a": 100, "b": 2, "c": 3})
	want("one takes longer than the others", "a")
	note(map[string]float64{"b": 2, "c": 3})
	want("a run without it", "a")
	note(map[string]float64{"a": 61})
	want("alone, it is still slow", "a")
	note(map[string]float64{"a": 59})
	want("alone, it is quick")
	s.note(nil)
}
