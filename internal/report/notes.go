package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"convsync/internal/plural"
)

// nothingRead reports whether there is nothing to ask about: no project, or one of
// which nothing was read.
func (c *collector) nothingRead() bool {
	return !slices.ContainsFunc(c.report.Feeds, func(f Feed) bool { return len(f.read.Read) > 0 })
}

// notes say what the figures lack.
func (c *collector) notes() []string {
	r, notes := c.report, []string{}
	add := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	switch {
	case len(c.environments) == 0:
		add("Nothing is loaded yet: `convsync run` loads conversations.")
	case len(r.Feeds) == 0:
		add("Nothing is loaded of the environment %s%s. Stored environments: %s.", r.Environment, c.ofProjects(), strings.Join(slices.Sorted(slices.Values(c.environments)), ", "))
	case r.Current == nil:
		add("Nothing of the period was read%s.", readRanges(r.Feeds))
	}
	for _, id := range c.options.Projects {
		if !slices.ContainsFunc(r.Feeds, func(f Feed) bool { return f.ProjectID == id }) && len(r.Feeds) > 0 {
			add("Nothing is loaded of the project %s in the environment %s.", id, r.Environment)
		}
	}
	if r.Current == nil {
		return notes
	}
	if text := c.lacking(r.Period); text != "" {
		add("The period is not complete: %s. Its totals will change.", text)
	}
	switch {
	case r.Previous != nil && r.Before == nil:
		add("Nothing of the previous period was read, so there is no comparison.")
	case r.Previous != nil:
		if text := c.lacking(*r.Previous); text != "" {
			add("The previous period is not complete: %s. Differences from it may come from this.", text)
		}
	}
	return append(notes, c.conversationNotes()...)
}

// conversationNotes say which conversations figures lack.
func (c *collector) conversationNotes() (notes []string) {
	now, add := c.report.Current, func(n int64, noun, rest string) {
		if n > 0 {
			notes = append(notes, plural.Count(n, noun)+" "+rest)
		}
	}
	add(now.Open, "conversation", "had not ended when last read: counted as conversations, but in no rate.")
	add(now.Finished-now.HandoffKnown, "ended conversation", "without the information whether they were handed off: in neither rate of handoff nor containment.")
	rejected := int64(0)
	for _, x := range now.Rejected {
		rejected += x.Count
	}
	add(rejected, "conversation", "could not be read, and counted nowhere: see Data quality.")
	var zones []string
	for i := range c.report.Feeds {
		if zone := c.report.Feeds[i].TimeZone; !slices.Contains(zones, zone) {
			zones = append(zones, zone)
		}
	}
	if len(zones) > 1 {
		notes = append(notes, "Days and hours are those of each project: "+strings.Join(slices.Sorted(slices.Values(zones)), ", ")+".")
	}
	return notes
}

// lacking says how many days of a period are not complete; "" if all are.
func (c *collector) lacking(p Period) string {
	var parts []string
	for _, state := range []struct{ name, words string }{{DayNotRead, "not read"}, {DayPartial, "partial"}} {
		if n := c.countDays(p, state.name); n > 0 {
			parts = append(parts, fmt.Sprintf("%s of %d %s", plural.Count(int64(n), "day"), p.Days(), state.words))
		}
	}
	return strings.Join(parts, ", ")
}

func (c *collector) ofProjects() string {
	if len(c.options.Projects) == 0 {
		return ""
	}
	return " for " + strings.Join(c.options.Projects, ", ")
}

// readRanges says from when until when the projects were read.
func readRanges(feeds []Feed) string {
	const shown = 5
	var parts []string
	for i := range feeds {
		f := &feeds[i]
		if n := len(f.read.Read); n > 0 && len(parts) < shown {
			parts = append(parts, fmt.Sprintf("%s is read from %s to %s", f.ProjectID,
				f.read.Read[0].From.In(f.read.Zone).Format("2 Jan 2006"), f.read.Read[n-1].Until.In(f.read.Zone).Add(-time.Second).Format("2 Jan 2006")))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	if more := len(feeds) - len(parts); more > 0 {
		parts = append(parts, plural.Count(int64(more), "more project"))
	}
	return ": " + strings.Join(parts, "; ")
}
