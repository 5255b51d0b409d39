package pipeline

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/load/memory"
	"convsync/internal/simulate"
	"convsync/internal/warehouse"
)

// twice executes a run over a source, calls change, and executes another run ten
// minutes later with a lookback of all days.
func twice(t *testing.T, d *fake, change func(*simulate.Simulator)) (*simulate.Simulator, *Report) {
	t.Helper()
	return twiceWith(t, d, func(*Options) {}, change)
}

// twiceWith is like twice, but configures the second run.
func twiceWith(t *testing.T, d *fake, configure func(*Options), change func(*simulate.Simulator)) (*simulate.Simulator, *Report) {
	t.Helper()
	now := end.Add(3 * time.Hour)
	var later atomic.Int64 // time by which the source's clock advances
	source := simulated(t, func() time.Time { return now.Add(time.Duration(later.Load())) }, simulate.Deviations{})
	if _, err := Run(t.Context(), options(t, source, d, at(now))); err != nil {
		t.Fatal(err)
	}
	change(source)
	later.Store(int64(25 * time.Hour))
	o := options(t, source, d, at(now.Add(25*time.Hour)))
	o.Lookback = []extract.Tier{{Depth: 20 * 24 * time.Hour, Every: 24 * time.Hour}}
	configure(&o)
	report, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return source, report
}

func TestMissing(t *testing.T) {
	t.Parallel()
	d := newFake()
	removed := map[string]bool{}
	twice(t, d, func(s *simulate.Simulator) {
		for truth := range s.Truth("acme-team-4", "live", end.Add(time.Hour)) {
			if truth.Index%100 == 7 {
				removed[truth.ID] = true
				s.Override("acme-team-4", "live", truth.Index, simulate.Override{Remove: true})
			}
		}
	})
	if len(removed) == 0 || len(d.missing()) != len(removed) {
		t.Errorf("%d are missing, %d were removed", len(d.missing()), len(removed))
	}
	for id := range d.missing() {
		if !removed[id] {
			t.Errorf("%s is marked as missing, and is still listed", id)
		}
	}
}

func TestMissingMoved(t *testing.T) {
	t.Parallel()
	d := newFake()
	twice(t, d, func(s *simulate.Simulator) {
		for truth := range s.Truth("acme-team-4", "live", end.Add(time.Hour)) {
			if truth.Index%100 == 7 {
				s.Override("acme-team-4", "live", truth.Index, simulate.Override{Move: 30 * time.Hour})
			}
		}
	})
	if len(d.missing()) != 0 {
		t.Errorf("%d are marked as missing, and only moved", len(d.missing()))
	}
}

func TestMissingEmptyResponse(t *testing.T) {
	t.Parallel()
	d := newFake()
	_, report := twice(t, d, func(s *simulate.Simulator) {
		for i := range conversations {
			s.Override("acme-team-4", "live", i, simulate.Override{Remove: true})
		}
	})
	if len(d.missing()) != 0 || report.Status != warehouse.RunPartial || !strings.Contains(fmt.Sprint(report.Errors), "nothing of these days was changed") {
		t.Errorf("%d are marked as missing, %s, %v", len(d.missing()), report.Status, report.Errors)
	}
}

func TestMissingOpen(t *testing.T) {
	t.Parallel()
	d := newFake()
	source := simulated(t, at(end.Add(3*time.Hour)), simulate.Deviations{})
	if _, err := Run(t.Context(), options(t, source, d, at(end.Add(3*time.Hour)))); err != nil {
		t.Fatal(err)
	}
	for id, start := range map[string]time.Time{"old": end.Add(-50 * time.Hour), "young": end.Add(-30 * time.Hour)} {
		d.Edit(func(d *memory.Data) {
			d.Put(&warehouse.Rows{Conversation: warehouse.Conversation{
				ProjectID:      "acme-team-4",
				ConversationID: id,
				Environment:    "live",
				StartedAt:      warehouse.TimestampOf(start),
				Lifecycle:      warehouse.LifecycleOpen,
			}})
		})
	}
	o := options(t, source, d, at(end.Add(3*time.Hour)))
	o.Lookback, o.OpenAgeLimit = []extract.Tier{{Depth: time.Hour}}, 48*time.Hour
	if report, err := Run(t.Context(), o); err != nil || report.Missing != 1 || !d.missing()["old"] || d.missing()["young"] {
		t.Errorf("%v, %d missing: %v", err, report.Missing, d.missing())
	}
}

// A conversation that the source returned is not missing, even if there is no
// coverage, because everything was loaded by backfills.
func TestMissingNoCoverage(t *testing.T) {
	t.Parallel()
	d := newFake()
	source := simulated(t, at(end.Add(3*time.Hour)), simulate.Deviations{})
	if _, err := Run(t.Context(), options(t, source, d, at(end.Add(3*time.Hour)))); err != nil {
		t.Fatal(err)
	}
	d.Edit(func(d *memory.Data) { d.Coverage = nil })
	open := ""
	for id, start := range d.starts() {
		if start.Time().Before(end.Add(-72 * time.Hour)) {
			open = id
			break
		}
	}
	d.change(func(c *warehouse.Conversation) { c.Lifecycle = warehouse.LifecycleOpen }, open)
	o := options(t, source, d, at(end.Add(3*time.Hour)))
	second := extract.SecondOf(d.starts()[open].Time())
	o.OpenAgeLimit = 48 * time.Hour
	o.Repairs = map[load.Feed]Repair{o.Feeds[0].Feed: {Spans: []extract.Span{{From: second, Until: second + 1}}}}
	if report, err := Run(t.Context(), o); err != nil || report.Conversations.Read == 0 || len(d.missing()) != 0 {
		t.Errorf("%v, %d read, missing: %v", err, report.Conversations.Read, d.missing())
	}
}

func TestMissingDayConfirmed(t *testing.T) {
	t.Parallel()
	d := newFake()
	source, report := twice(t, d, func(s *simulate.Simulator) {
		for i := range conversations {
			s.Override("acme-team-4", "live", i, simulate.Override{Remove: true})
		}
	})
	if report.Status == warehouse.RunSucceeded {
		t.Fatalf("it was not suspicious at first: %s", report.Status)
	}
	d.change(func(c *warehouse.Conversation) { c.MissingSince = warehouse.Some(c.StartedAt) }) // as verify --repair marks them
	o := options(t, source, d, at(end.Add(60*time.Hour)))
	o.Lookback = []extract.Tier{{Depth: 20 * 24 * time.Hour}}
	if report, err := Run(t.Context(), o); err != nil || report.Status != warehouse.RunSucceeded {
		t.Errorf("%v, %s, %v", err, report.Status, report.Errors)
	}
}

func TestVisibleAgainHiddenDays(t *testing.T) {
	t.Parallel()
	now := at(end.Add(3 * time.Hour))
	d := newFake()
	source := simulated(t, now, simulate.Deviations{})
	if _, err := Run(t.Context(), options(t, source, d, now)); err != nil {
		t.Fatal(err)
	}
	d.visibleAgain.Transcripts = 1
	d.hiddenDays = []warehouse.Timestamp{warehouse.TimestampOf(begin.AddDate(0, 0, 2)), warehouse.TimestampOf(begin.AddDate(0, 0, 3))}
	report, err := Run(t.Context(), options(t, source, d, now))
	if err != nil || report.Conversations.Read < conversations/10 || report.Conversations.Read > conversations/2 {
		t.Errorf("%v, %d conversations were read", err, report.Conversations.Read)
	}
}
