package pipeline

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"convsync/internal/extract"
	"convsync/internal/load"
)

// MissingLimit limits how many conversations of a UTC day a run marks as missing or
// deletes without confirmation: a share of the stored ones, or AtLeast if that is
// more. The default is 10 % and 20.
type MissingLimit struct {
	Share   float64 // 0 to 1
	AtLeast int     // conversations, 1 or more
}

// of returns the limit of a day with a number of stored conversations.
func (l MissingLimit) of(stored int) int { return max(l.AtLeast, int(l.Share*float64(stored))) }

// mostUnlisted limits the keys that are in memory. Others are only counted, and
// their day always needs confirmation.
const mostUnlisted = 500_000

// dayRead holds what a run found in the part of a UTC day that it read completely.
type dayRead struct {
	answered    bool       // the source listed a conversation that started on it
	stored      int        // stored conversations in that part, without those marked as missing
	gone        []load.Key // of these, not listed when the part was compared
	uncounted   int        // the same, without their keys
	missingOpen []load.Key // open conversations that were requested individually and are not listed
}

// day returns the record of the day of a time.
func (v *missingTracker) day(at extract.Second) *dayRead {
	midnight := at.StartOfDay()
	if v.days == nil {
		v.days = map[extract.Second]*dayRead{}
	}
	if v.days[midnight] == nil {
		v.days[midnight] = &dayRead{}
	}
	return v.days[midnight]
}

// doubtfulDay is a day with so many missing conversations that a user has to
// confirm them.
type doubtfulDay struct {
	start        extract.Second
	gone, stored int
	limit        int // 0: the source lists nothing of the day
}

// decideMissing returns the conversations to mark as missing or to delete: those
// that the source did not list in this run, except for doubtful days.
func (f *feedRun) decideMissing() (missing []load.Key) {
	v := &f.tracker
	v.mu.Lock()
	defer v.mu.Unlock()
	confirmed := f.run.Repairs[f.feed.Feed].Gone
	for _, k := range v.missingOpen {
		if day := v.day(secondOf(k.StartedAt)); !slices.Contains(day.gone, k) && !slices.Contains(confirmed, k) {
			day.missingOpen = append(day.missingOpen, k)
		}
	}
	for _, start := range slices.Sorted(maps.Keys(v.days)) {
		missing = append(missing, f.decideDay(start, v.days[start])...)
	}
	return missing
}

func (f *feedRun) decideDay(start extract.Second, d *dayRead) []load.Key {
	d.gone = slices.DeleteFunc(d.gone, f.tracker.isListed)
	d.missingOpen = slices.DeleteFunc(d.missingOpen, f.tracker.isListed)
	gone, stored := len(d.gone)+d.uncounted, d.stored+len(d.missingOpen)
	limit := f.run.MissingLimit.of(stored)
	switch {
	case gone > 0 && !d.answered && (gone > limit || f.wasReadWhole(start)):
		f.doubtDay(doubtfulDay{start, gone, d.stored, 0})
		return nil
	case gone+len(d.missingOpen) > limit || d.uncounted > 0:
		f.doubtDay(doubtfulDay{start, gone + len(d.missingOpen), stored, limit})
		return nil
	case gone > 0 && !d.answered: // possibly a quiet hour: a run that reads the complete day decides
		f.log.Info("the source lists nothing in a part of a day in which conversations are stored; nothing is changed until the complete day is read",
			"day", dateOf(start), "stored", d.stored)
		return d.missingOpen
	}
	return append(d.gone, d.missingOpen...)
}

// wasReadWhole reports whether this run read a day completely, from the start of
// the history on.
func (f *feedRun) wasReadWhole(start extract.Second) bool {
	day := extract.Span{From: max(start, f.feed.Start), Until: start + extract.Day}
	return len(extract.Without([]extract.Span{day}, f.wereRead)) == 0
}

func (f *feedRun) doubtDay(d doubtfulDay) {
	f.doubtful = append(f.doubtful, d)
	f.log.Warn("the source no longer lists many conversations of a day; nothing of the day was changed",
		"day", dateOf(d.start), "not_listed", d.gone, "stored", d.stored, "limit", d.limit)
}

// doubt returns an error with the doubtful days, which a user has to confirm; nil
// if there are none.
func (f *feedRun) doubt() error {
	if len(f.doubtful) == 0 {
		return nil
	}
	var days []string
	const named = 5
	for _, d := range f.doubtful[:min(len(f.doubtful), named)] {
		days = append(days, d.String())
	}
	if more := len(f.doubtful) - named; more > 0 {
		days = append(days, fmt.Sprintf("and %d more days", more))
	}
	first, last := f.doubtful[0].start, f.doubtful[len(f.doubtful)-1].start
	return &doubtError{"the source no longer lists conversations that are stored: " + strings.Join(days, "; ") +
		": nothing of these days was changed; check that the key may still read all of the project, and if the conversations are really missing, confirm it with " +
		fmt.Sprintf("`convsync verify --repair --project %s --from %s --to %s`", f.feed.ProjectID, dateOf(first), dateOf(last+extract.Day))}
}

func (d doubtfulDay) String() string {
	if d.limit == 0 {
		return fmt.Sprintf("all %d of %s", d.gone, dateOf(d.start))
	}
	return fmt.Sprintf("%d of the %d of %s (limit without confirmation: %d)", d.gone, d.stored, dateOf(d.start), d.limit)
}

func dateOf(s extract.Second) string { return s.Time().Format(time.DateOnly) }
