package pipeline

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/simulate"
	"convsync/internal/transform"
	"convsync/internal/warehouse"
)

// clocked is a source and a machine whose clocks may be wrong.
type clocked struct {
	t             *testing.T
	d             *fake
	now           time.Time // the right time
	source, local time.Duration
	history       *simulate.Simulator
}

const clockedConversations = 300

func newClocked(t *testing.T, now time.Time) *clocked {
	t.Helper()
	c := &clocked{t: t, d: newFake(), now: now}
	history, err := simulate.New(simulate.Options{
		Projects: []simulate.Project{{
			AccountID:    "acme-uk",
			ID:           "acme-team-4",
			From:         begin,
			To:           end,
			TurnsMean:    1,
			Environments: []simulate.Environment{{Name: "live", Conversations: clockedConversations}},
		}},
		Now: func() time.Time { return c.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	c.history = history
	return c
}

// ServeHTTP returns the conversations that exist at the right time, with the Date of
// the source's clock.
func (c *clocked) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := httptest.NewRecorder()
	c.history.ServeHTTP(answer, r)
	w.Header().Set("Content-Type", answer.Header().Get("Content-Type"))
	w.Header().Set("Date", c.now.Add(c.source).UTC().Format(http.TimeFormat))
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

func (c *clocked) run() *Report {
	c.t.Helper()
	report, err := Run(c.t.Context(), options(c.t, c, c.d, at(c.now.Add(c.local))))
	if err != nil || report.Status != warehouse.RunSucceeded {
		c.t.Fatalf("%v, %s, %v", err, report.Status, report.Errors)
	}
	return report
}

// listed returns how many conversations exist now.
func (c *clocked) listed() (n int) {
	for range c.history.Truth("acme-team-4", "live", c.now) {
		n++
	}
	return n
}

func (c *clocked) checkWhole(report *Report, warned bool) {
	c.t.Helper()
	last := c.d.runs()[len(c.d.runs())-1]
	if got := last.SourceAt.V.Time(); !last.SourceAt.Valid || got != c.now.Add(c.source).Truncate(time.Second) {
		c.t.Errorf("the run ended at %v by the clock of the source, want %v", got, c.now.Add(c.source))
	}
	if got, want := len(c.d.conversations()), c.listed(); got != want {
		c.t.Errorf("%d of %d conversations are stored", got, want)
	}
	for _, r := range append(c.d.coverage(), load.Range{Until: c.d.watermark()}) {
		if r.Until.Time().After(c.now) || r.ReadAt.Time().After(c.now) {
			c.t.Errorf("covered until %v, read at %v, at %v", r.Until.Time(), r.ReadAt.Time(), c.now)
		}
	}
	if got := slices.ContainsFunc(report.Warnings, func(w string) bool { return strings.Contains(w, "the clock of the source is") }); got != warned {
		c.t.Errorf("warnings are %q", report.Warnings)
	}
	if row := c.d.runs()[len(c.d.runs())-1]; string(row.Warnings) != strings.Join(report.Warnings, "\n") {
		c.t.Errorf("the row of the run warns %q", row.Warnings)
	}
}

// A wrong clock of the source or of this machine loses or delays no data, neither
// when it begins, nor while it lasts, nor after it ends.
func TestClocks(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		source, local time.Duration
		warned        bool
	}{
		"Right":             {},
		"SourceAFewAhead":   {4 * time.Minute, 0, false},
		"SourceAhead":       {8 * time.Hour, 0, true},
		"SourceFarAhead":    {10 * day, 0, true},
		"SourceBehind":      {-8 * time.Hour, 0, true},
		"SourceFarBehind":   {-10 * day, 0, true},
		"LocalAhead":        {0, 8 * time.Hour, true},
		"LocalFarAhead":     {0, 4000 * day, true},
		"LocalBehind":       {0, -8 * time.Hour, true},
		"LocalFarBehind":    {0, -10 * day, true},
		"OneAheadOneBehind": {3 * time.Hour, -8 * time.Hour, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newClocked(t, end.Add(-30*time.Hour))
			w.source, w.local = c.source, c.local
			w.checkWhole(w.run(), c.warned)
			for range 3 { // while it lasts
				w.now = w.now.Add(5 * time.Hour)
				w.checkWhole(w.run(), c.warned)
			}
			w.source, w.local = 0, 0
			w.now = w.now.Add(time.Hour)
			w.checkWhole(w.run(), false)
			if w.d.watermark().Time() != w.now {
				t.Errorf("the watermark is %v at %v", w.d.watermark().Time(), w.now)
			}
		})
	}
}

// A clock becomes wrong after a history was read: the coverage remains.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*clocked){
		"Source": func(w *clocked) { w.source = -20 * 365 * 24 * time.Hour },
		"Local":  func(w *clocked) { w.local = -50 * 365 * 24 * time.Hour },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newClocked(t, end.Add(-30*time.Hour))
			w.run()
			covered := w.d.watermark()
			set(w)
			for range 3 {
				w.now = w.now.Add(5 * time.Hour)
				report := w.run()
				w.checkWhole(report, true)
				if w.d.watermark() != covered || report.Conversations.Read > clockedConversations/2 {
					t.Errorf("the watermark is %v, was %v; %d conversations were read", w.d.watermark().Time(), covered.Time(), report.Conversations.Read)
				}
			}
		})
	}
}

// Coverage in the future, which an earlier version stored while a clock was ahead, is
// corrected, whether that clock is right now or not.
func TestFutureCoverage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ then, source time.Duration }{
		"RightNow":     {10 * 24 * time.Hour, 0},
		"StillAhead":   {10 * 24 * time.Hour, 10 * 24 * time.Hour},
		"HoursAhead":   {8 * time.Hour, 8 * time.Hour},
		"BehindByNow":  {8 * time.Hour, -8 * time.Hour},
		"FartherAhead": {8 * time.Hour, 12 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newClocked(t, end.Add(-30*time.Hour))
			w.run()
			ahead := warehouse.TimestampOf(w.now.Add(c.then))
			w.d.covered(load.Range{From: warehouse.TimestampOf(begin), Until: ahead, ReadAt: ahead, Shape: transform.Shape}, warehouse.TimestampOf(w.now))
			w.now, w.source = w.now.Add(2*time.Hour), c.source
			report := w.run()
			w.checkWhole(report, c.source != 0)
			if !strings.Contains(strings.Join(report.Warnings, "\n"), "the watermark is corrected") {
				t.Errorf("warnings are %q", report.Warnings)
			}
			report = w.run()
			w.checkWhole(report, c.source != 0)
			if strings.Contains(strings.Join(report.Warnings, "\n"), "corrected") {
				t.Errorf("it is corrected again: %q", report.Warnings)
			}
		})
	}
}

// The local clock is read when the response arrives: a request may have waited for a
// long time.
func TestClockOfTheAnswer(t *testing.T) {
	t.Parallel()
	w := newClocked(t, end)
	late := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.now = w.now.Add(time.Hour)
		w.ServeHTTP(rw, r)
	})
	o := options(t, late, w.d, func() time.Time { return w.now })
	o.Feeds[0].Reader.Slots.TryAcquire(3) // one request at a time
	o.Lookback = []extract.Tier{}
	report, err := Run(t.Context(), o)
	if err != nil || len(report.Warnings) > 0 {
		t.Errorf("%v, %q", err, report.Warnings)
	}
}

// A conversation that appears in the source after the first response was made, and
// before that arrives, is not covered: the next run reads it. Here the clock of the
// source does not help, since it is ahead.
func TestClockOfTheRequest(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, atOnce bool, parallel int) {
		w := startsWorld(t, parallel, 2, atOnce)
		w.succeeds(attempt{})
		w.clocks = clocks{source: 50 * anHour}
		w.arriveIn("sandbox", warehouse.TimestampOf((w.source.clock - aMinute).Time()), 1, 20, 0)
		w.run(attempt{trouble: trouble{pace: pace{lag: 30}}}) // it checks that nothing that was visible by then is covered without being stored
		w.succeeds(attempt{})
		if w.store.rows[w.source.conversations[len(w.source.conversations)-1].id] == nil {
			t.Error("the conversation is not stored")
		}
	})
}
