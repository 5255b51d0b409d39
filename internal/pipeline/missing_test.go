package pipeline

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/simulate"
	"convsync/internal/warehouse"
)

// Each day is decided separately, by the part of it that was read. Nothing of a day
// over the limit is changed.
func TestMissingLimit(t *testing.T) {
	t.Parallel()
	day := begin.AddDate(0, 0, 4)
	onDay := func(start time.Time) bool { return !start.Before(day) && start.Before(day.AddDate(0, 0, 1)) }
	for name, c := range map[string]struct {
		gone    func(start time.Time, n int) bool // n: index among those with the same onDay(start)
		limit   MissingLimit
		missing int
		want    string // of the error; "" is none
	}{
		"EmptyDayAmongFullOnes": {func(at time.Time, _ int) bool { return onDay(at) }, MissingLimit{}, 0, ": all 207 of 2026-06-05: "},
		"BelowTheLimit":         {func(at time.Time, n int) bool { return onDay(at) && n < 20 }, MissingLimit{}, 20, ""},
		"BeyondTheLimit":        {func(at time.Time, n int) bool { return onDay(at) && n < 40 }, MissingLimit{}, 0, "40 of the"},
		"BelowTheShare":         {func(at time.Time, n int) bool { return onDay(at) && n < 40 }, MissingLimit{Share: 0.5, AtLeast: 1}, 40, ""},
		"OtherDaysAreChanged":   {func(at time.Time, n int) bool { return onDay(at) || at.Before(begin.AddDate(0, 0, 1)) && n < 9 }, MissingLimit{}, 9, "2026-06-05"},
		"NoShareIsEnough":       {func(at time.Time, _ int) bool { return onDay(at) }, MissingLimit{Share: 1, AtLeast: 1}, 0, "all 207 of"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newFake()
			n := map[bool]int{}
			_, report := twiceWith(t, d, func(o *Options) { o.MissingLimit, o.DeleteMissing = c.limit, true }, func(s *simulate.Simulator) {
				for truth := range s.Truth("acme-team-4", "live", end.Add(time.Hour)) {
					at := truth.Conversation["started_at"].(time.Time)
					if c.gone(at, n[onDay(at)]) {
						n[onDay(at)]++
						s.Override("acme-team-4", "live", truth.Index, simulate.Override{Remove: true})
					}
				}
			})
			said := fmt.Sprint(report.Errors)
			confirm := "`convsync verify --repair --project acme-team-4 --from 2026-06-05 --to 2026-06-06`"
			switch {
			case len(d.missing()) != c.missing:
				t.Errorf("%d are marked as missing, want %d: %s", len(d.missing()), c.missing, said)
			case c.want == "" && report.Status != warehouse.RunSucceeded:
				t.Errorf("%s: %s", report.Status, said)
			case c.want != "" && (report.Status != warehouse.RunPartial || !strings.Contains(said, c.want) || !strings.Contains(said, confirm)):
				t.Errorf("%s: %s", report.Status, said)
			}
		})
	}
}

// decided returns the decision for days that were read, without a run.
func decided(t *testing.T, read []extract.Span, listed []extract.Second, stored ...load.Key) (missing []load.Key, doubtful int) {
	t.Helper()
	f := handMade(t, newFake())
	f.wereRead = read
	for i, at := range listed {
		f.tracker.noteListed(fmt.Sprint("listed-", i), timestamp(at))
	}
	f.tracker.look(stored)
	missing = f.decideMissing()
	return missing, len(f.doubtful)
}

func TestMissingDays(t *testing.T) {
	t.Parallel()
	day := extract.SecondOf(begin) + 2*extract.Day
	whole := []extract.Span{{From: day, Until: day + extract.Day}}
	key := func(id string, at extract.Second) load.Key { return load.Key{ID: id, StartedAt: timestamp(at)} }
	many := make([]load.Key, 21)
	for i := range many {
		many[i] = key(fmt.Sprint("gone-", i), day+3600)
	}
	for name, c := range map[string]struct {
		read     []extract.Span
		listed   []extract.Second
		stored   []load.Key
		missing  int
		doubtful int
	}{
		"OneOfSome":        {whole, []extract.Second{day + 60}, []load.Key{key("gone", day+3600), key("listed-0", day+60)}, 1, 0},
		"WholeDayEmpty":    {whole, nil, []load.Key{key("gone", day+3600)}, 0, 1},
		"NewOneIsListed":   {whole, []extract.Second{day + 60}, []load.Key{key("gone", day+3600)}, 1, 0},
		"OtherDayIsListed": {whole, []extract.Second{day - 60}, []load.Key{key("gone", day+3600)}, 0, 1},
		"QuietHour":        {[]extract.Span{{From: day, Until: day + 7200}}, nil, []load.Key{key("gone", day+3600)}, 0, 0},
		"ManyOfAnHour":     {[]extract.Span{{From: day, Until: day + 7200}}, nil, many, 0, 1},
		"ManyOfSome":       {whole, []extract.Second{day + 60}, many, 0, 1},
		"MovedToAnother":   {whole, []extract.Second{day - 60}, []load.Key{key("listed-0", day+60)}, 0, 0},
		"MarkedAlready":    {whole, nil, []load.Key{{ID: "gone", StartedAt: timestamp(day), Missing: true}}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			missing, doubtful := decided(t, c.read, c.listed, c.stored...)
			if len(missing) != c.missing || doubtful != c.doubtful {
				t.Errorf("%d missing, %d doubtful days, want %d and %d", len(missing), doubtful, c.missing, c.doubtful)
			}
		})
	}
}

// A history that starts at noon has only the rest of that day.
func TestMissingOfTheFirstDay(t *testing.T) {
	t.Parallel()
	f := handMade(t, newFake())
	f.feed.Start += 12 * 3600
	day := extract.SecondOf(begin)
	f.wereRead = []extract.Span{{From: f.feed.Start, Until: day + extract.Day}}
	f.tracker.look([]load.Key{{ID: "gone", StartedAt: timestamp(f.feed.Start + 60)}})
	if missing := f.decideMissing(); len(missing) != 0 || len(f.doubtful) != 1 {
		t.Errorf("%d missing, doubtful are %v", len(missing), f.doubtful)
	}
}

// Confirmed conversations have no limit.
func TestMissingConfirmed(t *testing.T) {
	t.Parallel()
	d := newFake()
	o := options(t, simulated(t, at(end), simulate.Deviations{}), d, at(end))
	var gone []load.Key
	for i := range 200 {
		gone = append(gone, load.Key{ID: fmt.Sprint("gone-", i), StartedAt: warehouse.TimestampOf(begin)})
	}
	o.Repairs = map[load.Feed]Repair{o.Feeds[0].Feed: {Gone: gone}}
	report, err := Run(t.Context(), o)
	if err != nil || report.Status != warehouse.RunSucceeded || len(d.missing()) != len(gone) {
		t.Errorf("%v, %s, %v, %d are missing", err, report.Status, report.Errors, len(d.missing()))
	}
}

// The source lists confirmed conversations again.
func TestMissingConfirmed_Listed(t *testing.T) {
	t.Parallel()
	d := newFake()
	source := simulated(t, at(end), simulate.Deviations{})
	if _, err := Run(t.Context(), options(t, source, d, at(end))); err != nil {
		t.Fatal(err)
	}
	gone := []load.Key{{ID: "gone", StartedAt: warehouse.TimestampOf(begin)}}
	for id, start := range d.starts() {
		if gone = append(gone, load.Key{ID: id, StartedAt: start}); len(gone) == 10 {
			break
		}
	}
	o := options(t, source, d, at(end))
	o.DeleteMissing = true
	o.Repairs = map[load.Feed]Repair{o.Feeds[0].Feed: {Gone: gone}}
	report, err := Run(t.Context(), o)
	if err != nil || report.Status != warehouse.RunSucceeded || len(d.missing()) != 1 || !d.missing()["gone"] {
		t.Errorf("%v, %s, %v, missing are %v", err, report.Status, report.Errors, d.missing())
	}
}
