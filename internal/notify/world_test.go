package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"convsync/internal/load"
	"convsync/internal/pipeline"
	"convsync/internal/warehouse"
)

const (
	hookURL  = "https://hooks.example.com/services/made-up-secret?token=made-up-token-1234"
	heartURL = "https://beats.example.com/made-up-heartbeat"
)

var (
	sales   = load.Feed{ProjectID: "sales", Environment: "live"}
	support = load.Feed{ProjectID: "support", Environment: "live"}
)

// world is a notifier with a made-up network, in a bubble of synctest.
type world struct {
	t    *testing.T
	n    *Notifier
	o    Options
	logs journal

	mu     sync.Mutex
	answer func(r *http.Request) (int, error) // nil: 200
	texts  []string                           // what the webhook took
	beats  int
	asked  int
}

func newWorld(t *testing.T, change func(*Options)) *world {
	t.Helper()
	w := &world{t: t}
	w.o = Options{
		WebhookURL:   fixed(hookURL),
		HeartbeatURL: fixed(heartURL),
		Sender:       "convsync on testing",
		StatePath:    t.TempDir() + "/state.json",
		Transport:    w,
		Schedules:    []string{"nightly", "weekly"},
		Log:          slog.New(slog.NewTextHandler(&w.logs, nil)),
	}
	if change != nil {
		change(&w.o)
	}
	w.start()
	t.Cleanup(w.close)
	return w
}

func fixed(url string) URLFunc {
	return func(context.Context) (string, error) { return url, nil }
}

func (w *world) start() {
	w.t.Helper()
	var err error
	if w.n, err = New(w.o); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) close() { w.n.Close(context.Background()) }

// RoundTrip is the network.
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	w.asked++
	answer := w.answer
	w.mu.Unlock()
	status := http.StatusOK
	if answer != nil {
		var err error
		if status, err = answer(r); err != nil {
			return nil, err
		}
	}
	if status == http.StatusOK {
		w.took(r)
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
}

func (w *world) took(r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.URL.Host == "beats.example.com" {
		w.beats++
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.t.Error(err)
	}
	var slack struct{ Text string }
	if err := json.Unmarshal(body, &slack); err != nil || r.Header.Get("Content-Type") != "application/json" {
		w.t.Errorf("%v: %s of type %s", err, body, r.Header.Get("Content-Type"))
	}
	w.texts = append(w.texts, slack.Text)
}

func (w *world) network(answer func(r *http.Request) (int, error)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = answer
}

// heard returns the notifications since its last call.
func (w *world) heard() []string {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	texts := w.texts
	w.texts = nil
	return texts
}

// expect wants one message a fragment, in this order; none: silence.
func (w *world) expect(when string, fragments ...string) {
	w.t.Helper()
	texts := w.heard()
	if len(texts) != len(fragments) {
		w.t.Fatalf("%s: %d messages and not %d: %q", when, len(texts), len(fragments), texts)
	}
	for i, f := range fragments {
		if !strings.Contains(texts[i], f) {
			w.t.Fatalf("%s: no %q in %q", when, f, texts[i])
		}
	}
}

// wait lets so long pass, and what is under way by then come to rest.
func wait(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// count tells how many requests and heartbeats there were.
func (w *world) count() (asked, beats int) {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked, w.beats
}

// journal is a log that may be read while it is written.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// report is a run over both projects, in which some failed.
func report(failed ...load.Feed) *pipeline.Report {
	r := &pipeline.Report{RunID: "run-1", Status: warehouse.RunSucceeded}
	for _, f := range []load.Feed{sales, support} {
		r.Projects = append(r.Projects, pipeline.Project{ProjectID: f.ProjectID, Environment: f.Environment})
	}
	for _, f := range failed {
		r.Status = warehouse.RunPartial
		r.Errors = append(r.Errors, fmt.Errorf("project %s (%s): %w", f.ProjectID, f.Environment, errors.New("answered 401 Unauthorized: the key is missing, wrong or expired")))
	}
	return r
}

func (w *world) ran(r *pipeline.Report, err error) {
	w.n.Ran(w.t.Context(), Scheduled{Schedule: "nightly"}, r, err)
}

// ages says that the projects are covered up to so long ago.
func (w *world) ages(ofSales, ofSupport time.Duration) {
	now := time.Now()
	w.n.Ages(w.t.Context(), Marks{
		sales: warehouse.TimestampOf(now.Add(-ofSales)), support: warehouse.TimestampOf(now.Add(-ofSupport)),
	}, now)
}
