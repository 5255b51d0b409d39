package pipeline

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"convsync/internal/leaktest"

	"golang.org/x/sync/semaphore"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/polyai"
	"convsync/internal/ratelimit"
	"convsync/internal/simulate"
	"convsync/internal/transform"
	"convsync/internal/warehouse"
)

func TestMain(m *testing.M) {
	leaktest.Main(m)
}

// The simulated history: ten days that ended an hour ago.
var (
	end   = time.Date(2026, 6, 11, 0, 0, 0, 0, time.UTC)
	begin = end.AddDate(0, 0, -10)
)

const conversations = 2000

func simulated(t *testing.T, now func() time.Time, d simulate.Deviations) *simulate.Simulator {
	t.Helper()
	s, err := simulate.New(simulate.Options{
		Projects: []simulate.Project{{
			AccountID:    "acme-uk",
			ID:           "acme-team-4",
			From:         begin,
			To:           end,
			TurnsMean:    2,
			Environments: []simulate.Environment{{Name: "live", Conversations: conversations}},
		}},
		Now: now, Deviations: d,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func at(now time.Time) func() time.Time { return func() time.Time { return now } }

// options returns the options of a run with one feed of a source.
func options(t *testing.T, source http.Handler, destination Destination, now func() time.Time) Options {
	t.Helper()
	server := httptest.NewServer(source)
	t.Cleanup(server.Close)
	client, err := polyai.New(polyai.Options{
		BaseURL: server.URL, Key: func(context.Context, bool) (string, error) { return "made-up-key", nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	stats := &extract.Stats{}
	reader := &extract.Reader{
		Source:      client,
		AccountID:   "acme-uk",
		ProjectID:   "acme-team-4",
		Environment: "live",
		PageSize:    100,
		Session:     extract.NewSession(ratelimit.NewBudget(ratelimit.BudgetOptions{})),
		Slots:       semaphore.NewWeighted(4),
		Walks:       semaphore.NewWeighted(4),
		Stats:       stats,
		Backoff:     time.Millisecond,
	}
	return Options{
		Feeds: []Feed{{
			Feed: load.Feed{ProjectID: "acme-team-4", Environment: "live"}, Reader: reader,
			Transform: transform.Options{
				AccountID:   "acme-uk",
				ProjectID:   "acme-team-4",
				Environment: "live",
				APIVersion:  "v3",
				Audio:       []transform.AudioKind{{Direction: "combined", Redacted: true}},
			},
			Start: extract.SecondOf(begin),
		}},
		Destination: destination,
		Owner:       load.Owner{RunID: "run-1"},
		Stats:       stats,
		Clock:       now,
		Lookback:    []extract.Tier{{Depth: time.Hour}, {Depth: 24 * time.Hour, Every: time.Hour}, {Depth: 168 * time.Hour, Every: 24 * time.Hour}},
	}
}

func TestRunFirst(t *testing.T) {
	t.Parallel()
	now := at(end.Add(3 * time.Hour))
	d := newFake()
	report, err := Run(t.Context(), options(t, simulated(t, now, simulate.Deviations{}), d, now))
	if err != nil || report.Status != warehouse.RunSucceeded {
		t.Fatalf("%v, %+v", err, report)
	}
	if len(d.conversations()) != conversations || report.Conversations.Inserted < conversations {
		t.Errorf("%d of %d conversations", len(d.conversations()), conversations)
	}
	want := []load.Range{{From: warehouse.TimestampOf(begin), Until: warehouse.TimestampOf(now()), ReadAt: warehouse.TimestampOf(now()), Shape: transform.Shape}}
	if !slices.Equal(d.coverage(), want) || d.watermark() != want[0].Until {
		t.Errorf("covered %v until %v", d.coverage(), d.watermark().Time())
	}
	if len(d.runs()) != 1 || d.runs()[0].Status != warehouse.RunSucceeded || d.runs()[0].Requests != report.Requests || !d.closed {
		t.Errorf("runs %+v, closed %t", d.runs(), d.closed)
	}
	if len(d.broken) > 0 {
		t.Error(d.broken)
	}
}

func TestRunLookback(t *testing.T) {
	t.Parallel()
	now := at(end.Add(3 * time.Hour))
	d := newFake()
	source := simulated(t, now, simulate.Deviations{})
	if _, err := Run(t.Context(), options(t, source, d, now)); err != nil {
		t.Fatal(err)
	}
	later := at(now().Add(10 * time.Minute))
	report, err := Run(t.Context(), options(t, source, d, later))
	if err != nil || report.Conversations.Read > conversations/20 || report.Requests > 4 {
		t.Errorf("%v, %d conversations in %d requests", err, report.Conversations.Read, report.Requests)
	}
	if got := d.watermark().Time(); !got.Equal(now()) { // the simulated service's clock stands still
		t.Errorf("watermark %v", got)
	}
}

func TestRunSlowClock(t *testing.T) {
	t.Parallel()
	now := at(end.Add(3 * time.Hour))
	d := newFake()
	source := simulated(t, now, simulate.Deviations{})
	for run := range 2 {
		o := options(t, source, d, at(now().Add(-10*time.Minute)))
		o.Feeds[0].Reader.PageSize = 1000
		o.Lookback = []extract.Tier{{Depth: 72 * time.Hour}}
		report, err := Run(t.Context(), o)
		if err != nil || run == 1 && report.Requests > 2 { // one request is for server time
			t.Errorf("%v, %d requests", err, report.Requests)
		}
	}
}

// failingAfter returns errors for all conversations that started before a time.
func failingAfter(source http.Handler, before time.Time) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if from, err := time.Parse(time.RFC3339, r.URL.Query().Get("start_time")); err == nil && from.Before(before) {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		source.ServeHTTP(w, r)
	})
}

func TestRunPartsFail(t *testing.T) {
	t.Parallel()
	now := at(end.Add(3 * time.Hour))
	d := newFake()
	source := simulated(t, now, simulate.Deviations{})
	report, err := Run(t.Context(), options(t, failingAfter(source, begin.AddDate(0, 0, 4)), d, now))
	if err != nil || report.Status != warehouse.RunPartial || len(report.Errors) != 1 {
		t.Fatalf("%v, %s, %v", err, report.Status, report.Errors)
	}
	if len(d.coverage()) != 1 || d.coverage()[0].From <= warehouse.TimestampOf(begin.AddDate(0, 0, 3)) || d.watermark() != 0 {
		t.Fatalf("covered %v, watermark %v", d.coverage(), d.watermark())
	}
	missing := extract.Span{From: extract.SecondOf(begin), Until: extract.SecondOf(d.coverage()[0].From.Time())}
	if said := fmt.Sprint(report.Errors); !strings.Contains(said, missing.String()+": GET ") {
		t.Errorf("it does not say that %s is missing: %s", missing, said)
	}
	report, err = Run(t.Context(), options(t, source, d, now))
	if err != nil || report.Status != warehouse.RunSucceeded || len(d.conversations()) != conversations || d.watermark() != warehouse.TimestampOf(now()) {
		t.Errorf("the next run: %v, %s, %d conversations, watermark %v", err, report.Status, len(d.conversations()), d.watermark().Time())
	}
}

func TestRunFeedFails(t *testing.T) {
	t.Parallel()
	now := at(end.Add(3 * time.Hour))
	d := newFake()
	o := options(t, simulated(t, now, simulate.Deviations{}), d, now)
	revoked := *o.Feeds[0].Reader
	revoked.ProjectID = "no-such-project"
	o.Feeds = append(o.Feeds, Feed{Feed: load.Feed{ProjectID: "no-such-project", Environment: "live"}, Reader: &revoked, Transform: o.Feeds[0].Transform, Start: o.Feeds[0].Start})
	report, err := Run(t.Context(), o)
	if err != nil || report.Status != warehouse.RunPartial || len(d.conversations()) != conversations {
		t.Fatalf("%v, %s, %d conversations", err, report.Status, len(d.conversations()))
	}
	if text := fmt.Sprint(report.Errors); !strings.Contains(text, "project no-such-project (live)") || !strings.Contains(text, "404") {
		t.Errorf("the reason is %s", text)
	}
}

func TestRunDestinationFails(t *testing.T) {
	t.Parallel()
	for name, breaks := range map[string]func(*fake){
		"staging":    func(d *fake) { d.failStage = errDestination },
		"publishing": func(d *fake) { d.failPublish = errDestination },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := at(end.Add(3 * time.Hour))
			d := newFake()
			breaks(d)
			report, err := Run(t.Context(), options(t, simulated(t, now, simulate.Deviations{}), d, now))
			if !errors.Is(err, errDestination) || report.Status != warehouse.RunFailed || d.watermark() != 0 || !d.closed {
				t.Errorf("%v, %s, covered %v, closed %t", err, report.Status, d.coverage(), d.closed)
			}
			for _, c := range d.coverage() { // except for the hours in which nothing started
				if c.From < warehouse.TimestampOf(end) {
					t.Errorf("%v is covered", c.From.Time())
				}
			}
			if len(d.runs()) != 1 || d.runs()[0].Status != warehouse.RunFailed || !strings.Contains(string(d.runs()[0].Error), "out of order") {
				t.Errorf("the log says %+v", d.runs())
			}
		})
	}
}

func TestRunStopped(t *testing.T) {
	t.Parallel()
	now := at(end.Add(3 * time.Hour))
	ctx, cancel := context.WithCancel(t.Context())
	d := newFake()
	published := 0
	d.onPublish = func() {
		if published++; published == 1 {
			cancel() // a concurrent commit may still succeed
		}
	}
	source := simulated(t, now, simulate.Deviations{})
	o := options(t, source, d, now)
	o.Feeds[0].Reader.PageSize = 10 // too many pages for one window
	report, err := Run(ctx, o)
	if !errors.Is(err, context.Canceled) || report.Status != warehouse.RunPartial || !d.closed || len(d.runs()) != 1 {
		t.Fatalf("%v, %s, closed %t, %d runs", err, report.Status, d.closed, len(d.runs()))
	}
	if len(d.coverage()) == 0 || d.watermark() != 0 {
		t.Errorf("covered %v, watermark %v", d.coverage(), d.watermark())
	}
	d.onPublish = nil
	if _, err := Run(t.Context(), options(t, source, d, now)); err != nil || len(d.conversations()) != conversations {
		t.Errorf("the next run: %v, %d conversations", err, len(d.conversations()))
	}
}

func TestRunOpenConversations(t *testing.T) {
	t.Parallel()
	now := at(end.AddDate(0, 0, -1).Add(10 * time.Hour)) // in the middle of a day
	d := newFake()
	o := options(t, simulated(t, now, simulate.Deviations{}), d, now)
	o.Lookback = nil
	if _, err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	open := func() (n int) {
		for _, lifecycle := range d.conversations() {
			if lifecycle == warehouse.LifecycleOpen {
				n++
			}
		}
		return n
	}
	if open() == 0 {
		t.Fatal("no conversation is in progress: the test checks nothing")
	}
	later := at(now().Add(12 * time.Hour))
	o = options(t, simulated(t, later, simulate.Deviations{}), d, later)
	o.Lookback = nil
	report, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for id, lifecycle := range d.conversations() {
		if lifecycle == warehouse.LifecycleOpen && d.starts()[id] < warehouse.TimestampOf(now()) {
			t.Errorf("%s is still open; report %+v", id, report.Projects)
		}
	}
}

func TestRunBackfill(t *testing.T) {
	t.Parallel()
	now := at(end.Add(3 * time.Hour))
	d := newFake()
	o := options(t, simulated(t, now, simulate.Deviations{}), d, now)
	o.Backfill = extract.Span{From: extract.SecondOf(begin.AddDate(0, 0, 2)), Until: extract.SecondOf(begin.AddDate(0, 0, 4))}
	report, err := Run(t.Context(), o)
	if err != nil || report.Kind != KindBackfill || d.coverage() != nil || d.watermark() != 0 || len(d.conversations()) == 0 {
		t.Errorf("%v, %s, covered %v, %d conversations", err, report.Kind, d.coverage(), len(d.conversations()))
	}
	for id, start := range d.starts() {
		if start < warehouse.TimestampOf(begin.AddDate(0, 0, 2).Add(-2*time.Second)) || start > warehouse.TimestampOf(begin.AddDate(0, 0, 4).Add(2*time.Second)) {
			t.Errorf("%s started at %v", id, start.Time())
		}
	}
}

func TestRunRejects(t *testing.T) {
	t.Parallel()
	now := at(end.Add(3 * time.Hour))
	source := simulated(t, now, simulate.Deviations{Unreadable: true})
	d := newFake()
	report, err := Run(t.Context(), options(t, source, d, now))
	want := source.Unreadable("acme-team-4", "live", now())
	if err != nil || report.Status != warehouse.RunPartial || want == 0 || report.NewRejects < int64(want) {
		t.Errorf("%v, %s, %d rejects, %d expected", err, report.Status, report.NewRejects, want)
	}
	if len(d.runs()) != 1 || !strings.Contains(string(d.runs()[0].Error), "stored in the table rejects") {
		t.Errorf("the log does not say why: %+v", d.runs())
	}
}

// handMade returns a feedRun whose steps a test calls one by one.
func handMade(t *testing.T, d *fake) *feedRun {
	o := options(t, simulated(t, at(end), simulate.Deviations{}), d, at(end))
	o.setDefaults()
	writer, err := d.Begin(t.Context(), o.Owner)
	if err != nil {
		t.Fatal(err)
	}
	return (&run{Options: o, writer: writer, report: newReport(&o, KindIncremental)}).newFeedRun(&o.Feeds[0], load.FeedState{})
}

func TestAbandonVisibleAgain(t *testing.T) {
	t.Parallel()
	d := newFake()
	d.abandonCounts = load.Counts{Updated: 3, VisibleAgain: load.VisibleAgain{Transcripts: 2, Metrics: 1}}
	f := handMade(t, d)
	st := f.newWindow(extract.Span{From: f.feed.Start, Until: f.feed.Start + 3600})
	st.visible.Store(true)
	f.abandon(t.Context(), st)
	if f.visibleAgain != d.abandonCounts.VisibleAgain || !f.visible {
		t.Errorf("visible again: %+v, something is visible: %t", f.visibleAgain, f.visible)
	}
}

func TestPublishFailsNotCovered(t *testing.T) {
	t.Parallel()
	d := newFake()
	f := handMade(t, d)
	f.now, f.sure = extract.SecondOf(end), extract.SecondOf(end)
	older := extract.Span{From: f.feed.Start, Until: f.feed.Start + 3600}
	newer := extract.Span{From: older.Until, Until: older.Until + 3600}
	d.failPublish = errors.New("made up: not written")
	if err := f.publish(t.Context(), f.newWindow(older)); err == nil {
		t.Fatal("it was published")
	}
	d.failPublish = nil
	if err := f.publish(t.Context(), f.newWindow(newer)); err != nil {
		t.Fatal(err)
	}
	if len(d.coverage()) != 1 || d.coverage()[0].From.Time() != newer.From.Time() || d.watermark() != 0 {
		t.Errorf("covered %v, watermark %v", d.coverage(), d.watermark())
	}
}

func TestRunCannotBegin(t *testing.T) {
	t.Parallel()
	now := at(end)
	for _, d := range []load.Destination{&unready{newFake(), errors.New("made up: not to be had"), nil}, &unready{newFake(), nil, errors.New("made up: taken")}} {
		report, err := Run(t.Context(), options(t, simulated(t, now, simulate.Deviations{}), d, now))
		if err == nil || report.Status != warehouse.RunFailed || !report.FinishedAt.Equal(end) || len(report.Errors) != 1 {
			t.Errorf("%v, %+v", err, report)
		}
	}
}

// unready is a destination that cannot be prepared, or cannot be locked.
type unready struct {
	*fake
	prepare, begin error
}

func (u *unready) Prepare(context.Context) error { return u.prepare }
func (u *unready) Begin(context.Context, load.Owner, ...string) (load.Writer, error) {
	return nil, u.begin
}
