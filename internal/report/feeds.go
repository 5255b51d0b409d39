package report

import (
	"cmp"
	"slices"
	"time"

	"convsync/internal/warehouse"
)

// span is a half-open range of times.
type span struct{ from, until time.Time }

func (s span) overlap(other span) time.Duration {
	from, until := s.from, s.until
	if other.from.After(from) {
		from = other.from
	}
	if other.until.Before(until) {
		until = other.until
	}
	return max(0, until.Sub(from))
}

// addFeed adds a row of feeds.sql.
func (c *collector) addFeed(r record) {
	if e := r.text("environment"); !slices.Contains(c.environments, e) {
		c.environments = append(c.environments, e)
	}
	f := Feed{
		ProjectID:    r.text("project_id"),
		TimeZone:     r.text("time_zone"),
		CoveredUntil: r.moment("covered_until"),
		Arrival:      Lateness{r.integer("arrivals"), r.float("arrival_p50_seconds"), r.float("arrival_p95_seconds"), r.float("arrival_p99_seconds")},
		Final:        Lateness{r.integer("finals"), r.float("final_p50_seconds"), r.float("final_p95_seconds"), r.float("final_p99_seconds")},
		Open:         r.integer("open_conversations"),
	}
	if r.text("environment") != c.options.Environment || len(c.options.Projects) > 0 && !slices.Contains(c.options.Projects, f.ProjectID) {
		return
	}
	var err error
	if f.zone, err = time.LoadLocation(f.TimeZone); err != nil {
		f.zone = time.UTC // the views use the zones of the engine, which knows the same names
	}
	c.report.Feeds = append(c.report.Feeds, f)
}

func sortFeeds(feeds []Feed) {
	slices.SortFunc(feeds, func(a, b Feed) int { return cmp.Compare(a.ProjectID, b.ProjectID) })
	for i := range feeds {
		slices.SortFunc(feeds[i].coverage, func(a, b span) int { return a.from.Compare(b.from) })
	}
}

// midnight is the start of a local day.
func (f *Feed) midnight(day Day) time.Time {
	return time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, f.zone)
}

func (f *Feed) span(day Day) span { return span{f.midnight(day), f.midnight(day.AddDate(0, 0, 1))} }

// state is the state of a day of one project, as is_complete of daily_kpis defines it;
// "" if it is before the history of the project.
func (f *Feed) state(day Day) string {
	whole := f.span(day)
	if len(f.coverage) == 0 || !f.coverage[0].from.Before(whole.until) {
		return ""
	}
	covered := time.Duration(0)
	for _, s := range f.coverage {
		covered += s.overlap(whole)
	}
	switch {
	case covered == 0:
		return DayNotRead
	case covered >= whole.until.Sub(whole.from) && f.isSettled(whole.until):
		return DayComplete
	}
	return DayPartial
}

// isSettled reports whether the watermark is later than a time by the p99 lateness.
func (f *Feed) isSettled(until time.Time) bool {
	if f.CoveredUntil == nil {
		return false
	}
	late := 0.0
	if f.Arrival.P99 != nil {
		late = *f.Arrival.P99
	}
	return f.CoveredUntil.Sub(until).Seconds() >= late
}

// stateOf is the state of a day of all projects.
func stateOf(feeds []Feed, day Day) string {
	seen := map[string]int{}
	for i := range feeds {
		seen[feeds[i].state(day)]++
	}
	switch {
	case seen[DayComplete]+seen[DayPartial] == 0:
		return DayNotRead
	case seen[DayPartial]+seen[DayNotRead] == 0:
		return DayComplete
	}
	return DayPartial
}

// lastDays is the default period. It ends with the newest day that is complete in some
// project, so that a project that is behind does not hide the others; without one, with
// the last day that was read, or that has ended.
func lastDays(feeds []Feed, now time.Time, days int) Period {
	to := Day{}
	for _, settled := range []bool{true, false} {
		for i := range feeds {
			if end := feeds[i].readDay(settled); end.After(to) {
				to = end
			}
		}
		if !to.IsZero() {
			return Period{to.AddDate(0, 0, -days), to}
		}
	}
	to = dayOf(now)
	return Period{to.AddDate(0, 0, -days), to}
}

// readDay is the day after the last one that is complete, or of which something was read;
// the zero time: none.
func (f *Feed) readDay(complete bool) Day {
	if f.CoveredUntil == nil {
		return Day{}
	}
	day := dayOf(f.CoveredUntil.In(f.zone))
	for range MaxDays {
		if s := f.state(day); s == DayComplete || s == DayPartial && !complete {
			return day.AddDate(0, 0, 1)
		}
		day = day.AddDate(0, 0, -1)
	}
	return Day{}
}

func dayOf(local time.Time) Day {
	return time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, time.UTC)
}

// rangeOf is the range of starts of the days of a period in the time zones of all projects.
func rangeOf(p Period, feeds []Feed) warehouse.Range {
	within := warehouse.Range{From: p.From, Until: p.To}
	for i := range feeds {
		if from := feeds[i].midnight(p.From); from.Before(within.From) {
			within.From = from
		}
		if until := feeds[i].midnight(p.To); until.After(within.Until) {
			within.Until = until
		}
	}
	return warehouse.Range{From: within.From.UTC(), Until: within.Until.UTC()}
}
