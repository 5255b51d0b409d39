package report

import (
	"cmp"
	"slices"
	"time"

	"convsync/internal/coverage"
	"convsync/internal/warehouse"
)

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
	f.read.Zone = coverage.Zone(f.TimeZone)
	if f.CoveredUntil != nil {
		f.read.Watermark = *f.CoveredUntil
	}
	if f.Arrival.P99 != nil {
		f.read.LatenessSeconds = *f.Arrival.P99
	}
	c.report.Feeds = append(c.report.Feeds, f)
}

func sortFeeds(feeds []Feed) {
	slices.SortFunc(feeds, func(a, b Feed) int { return cmp.Compare(a.ProjectID, b.ProjectID) })
	for i := range feeds {
		slices.SortFunc(feeds[i].read.Read, func(a, b coverage.Range) int { return a.From.Compare(b.From) })
	}
}

// state is the state of a day of one project; "" if it is before the history of the
// project.
func (f *Feed) state(day Day) string {
	switch f.read.State(day) {
	case coverage.Before:
		return ""
	case coverage.NotRead:
		return DayNotRead
	case coverage.Complete:
		return DayComplete
	default:
		return DayPartial
	}
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

// lastDays is the default period. It ends with the last complete day, or else with the last
// one that was read, or that has ended.
func lastDays(feeds []Feed, now time.Time, days int) Period {
	read := make([]*coverage.Feed, len(feeds))
	for i := range feeds {
		read[i] = &feeds[i].read
	}
	to := coverage.LastComplete(read)
	if to.IsZero() {
		to = dayOf(now)
	}
	return Period{to.AddDate(0, 0, -days), to}
}

func dayOf(local time.Time) Day {
	return time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, time.UTC)
}

// rangeOf is the range of starts of the days of a period in the time zones of all projects.
func rangeOf(p Period, feeds []Feed) warehouse.Range {
	within := warehouse.Range{From: p.From, Until: p.To}
	for i := range feeds {
		if from := feeds[i].read.Midnight(p.From); from.Before(within.From) {
			within.From = from
		}
		if until := feeds[i].read.Midnight(p.To); until.After(within.Until) {
			within.Until = until
		}
	}
	return warehouse.Range{From: within.From.UTC(), Until: within.Until.UTC()}
}
