package main

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"convsync/internal/config"
	"convsync/internal/load/parquet"
	"convsync/internal/notify"
	"convsync/internal/serve"
	"convsync/internal/webhook"
)

// newServer is a source of no conversations, or one that answers with a status.
func newServer(t *testing.T, status int) (url string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{"conversations":[]}`))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestServeRun_Panic has a run break on a configuration
// that no file can make: one without a destination.
func TestServeRun_Panic(t *testing.T) {
	t.Parallel()
	hook, hookURL := newNotifyHook(t)
	path := filepath.Join(t.TempDir(), "lake")
	lake, err := parquet.Open(parquet.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	s := &service{
		log: slog.New(slog.NewTextHandler(&text, nil)), metrics: serve.NewMetrics(), lifetime: newLifetime(),
		cfg: &config.Config{Projects: []config.Project{{
			ID:           "acme-team-4",
			StoredID:     "acme-team-4",
			AccountID:    "acme-uk",
			BaseURL:      newServer(t, http.StatusOK),
			APIVersion:   "v3",
			APIKey:       config.Literal("made-up-key"),
			Environments: []string{"live"},
			TimeZone:     "UTC",
			Start:        time.Now().Add(-time.Hour),
		}}, Sync: config.Sync{PageSize: 10, Workers: config.Workers{Extract: 1, Transform: 1, Load: 1}}},
	}
	s.app = &app{log: s.log, stderr: &text}
	if s.server, err = serve.New(serve.Options{Destination: lake, Metrics: s.metrics}); err != nil {
		t.Fatal(err)
	}
	if s.notifier, err = notify.New(notify.Options{
		WebhookURL: func(context.Context) (string, error) { return hookURL, nil }, Format: notify.FormatJSON, Schedules: []string{"nightly"},
	}); err != nil {
		t.Fatal(err)
	}
	planned := &config.Schedule{Name: "nightly", Kind: config.KindIncremental}
	for range 2 { // the first must not keep the second waiting
		if err := s.run(t.Context(), planned); err == nil || !strings.Contains(err.Error(), "panic: runtime error: invalid memory address") {
			t.Fatalf("it ends with %v", err)
		}
	}
	if _, err := s.syncEvents(t.Context(), t.Context(), webhook.Wanted{ProjectID: "acme-team-4", Recent: true}); err == nil || !strings.Contains(err.Error(), "panic: ") {
		t.Fatalf("one by an event ends with %v", err)
	}
	if n := strings.Count(text.String(), "a run panicked"); n != 3 || !strings.Contains(text.String(), "openDestination") {
		t.Errorf("the stack is logged %d times: %s", n, &text)
	}
	s.cfg.Destination.Parquet = &config.Parquet{Path: path}
	if err := s.run(t.Context(), planned); err != nil {
		t.Errorf("the next run fails, too: %v", err)
	}
	s.notifier.Close(t.Context())
	if got := hook.notices(); !slices.Contains([]string{"run_failed open,run_failed recovered", "run_failed open", ""}, strings.Join(got, ",")) || len(got) == 0 {
		t.Errorf("notified %q", got)
	}
}

// TestServe_AudioSchedule: a schedule of kind audio starts no run, neither at its time
// nor with --run-now. At its time, recordings are worked on.
func TestServe_AudioSchedule(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	s := &service{
		log:      slog.New(slog.NewTextHandler(&text, nil)),
		lifetime: newLifetime(),
		cfg: &config.Config{
			Projects: []config.Project{
				{StoredID: "checked", Audio: config.Audio{Mode: config.AudioCheck}},
				{StoredID: "off", Audio: config.Audio{Mode: config.AudioOff}},
			},
			Schedules: []config.Schedule{{Name: "recordings", Kind: config.KindAudio, Cron: "@every 10m"}},
		},
	}
	s.runNow()
	if ids, _ := s.lifetime.recorder.begin(); len(ids) > 0 {
		t.Errorf("--run-now works on %v", ids)
	}
	if err := s.run(t.Context(), &s.cfg.Schedules[0]); err != nil || text.String() != "" {
		t.Errorf("%v, logged %s", err, text.String())
	}
	if ids, _ := s.lifetime.recorder.begin(); !slices.Equal(ids, []string{"checked"}) {
		t.Errorf("its time works on %v", ids)
	}
}

// A pass that another one replaces is continued by that one, after it had some time.
func TestRecorder_Replaced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder()
		r.note([]string{"a"})
		ids, stop := r.begin()
		began := time.Now()
		for range 10 { // as with webhooks
			r.note([]string{"b"})
			<-time.After(time.Second)
		}
		<-stop
		if passed := time.Since(began); passed != minPass {
			t.Errorf("the pass was replaced after %s", passed)
		}
		r.end(ids, stop)
		again, last := r.begin()
		if !slices.Equal(again, []string{"b", "a"}) { // each pass begins with another project
			t.Errorf("the next pass covers %v", again)
		}
		r.note([]string{"b"})
		if r.end(again, last); !r.due["b"] || r.due["a"] {
			t.Errorf("after a complete pass, %v is due", r.due)
		}
		_, third := r.begin()
		<-time.After(minPass)
		if synctest.Wait(); r.stop != third {
			t.Error("the end of the second pass ended the third one")
		}
	})
}

// A reload ends the pass of the earlier configuration at once, also if the new one
// has no recordings.
func TestRecorder_Reload(t *testing.T) {
	t.Parallel()
	l := newLifetime()
	l.recorder.current.Store(&service{}) // so that no pass begins by itself
	l.recorder.note([]string{"removed"})
	ids, stop := l.recorder.begin()
	l.record(&service{cfg: &config.Config{}, lifetime: l})
	<-stop
	l.recorder.end(ids, stop)
	if again, _ := l.recorder.begin(); !slices.Equal(again, ids) { // the new configuration leaves out what it does not have
		t.Errorf("the next pass covers %v", again)
	}
}
