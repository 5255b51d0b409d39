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

// MissingLimit is how many conversations of a UTC day a run marks or deletes
// without confirmation: the share of those that are stored, and AtLeast in any
// case. 10 % and 20 unless set.
type MissingLimit struct {
	Share   float64 // 0 to 1
	AtLeast int     // conversations, 1 or more
}

// of is the limit of a day of which so many conversations are stored.
func (l MissingLimit) of(stored int) int { return max(l.AtLeast, int(l.Share*float64(stored))) }

// mostUnlisted bounds the keys that are kept until the days are judged. A day
// of which some are only counted is beyond every limit.
const mostUnlisted = 500_000

// dayRead is what a run read of a UTC day: the part that lies in stretches that
// were read to their last page.
type dayRead struct {
	answered  bool       // the source listed a conversation that started on it
	stored    int        // stored conversations in that part, without those that are marked
	gone      []load.Key // of these, not listed when the part was compared
	uncounted int        // the same, without their keys
	lost      []load.Key // open conversations that were asked for by themselves, and are not listed
}

// startOfDay is the beginning of the UTC day of a moment.
func startOfDay(at extract.Second) extract.Second {
	return at - (at%secondsPerDay+secondsPerDay)%secondsPerDay
}

// day is the record of the day that a moment lies in.
func (v *vanished) day(at extract.Second) *dayRead {
	midnight := startOfDay(at)
	if v.days == nil {
		v.days = map[extract.Second]*dayRead{}
	}
	if v.days[midnight] == nil {
		v.days[midnight] = &dayRead{}
	}
	return v.days[midnight]
}

// doubtfulDay is a day of which so much is no longer listed that a person has
// to confirm it.
type doubtfulDay struct {
	start        extract.Second
	gone, stored int
	limit        int // 0: the source lists nothing of the day
}

// judgeMissing is what is to be marked or deleted: what the source listed
// nowhere in this run, of the days that are beyond doubt.
func (f *feedRun) judgeMissing() (missing []load.Key) {
	v := &f.vanished
	v.mu.Lock()
	defer v.mu.Unlock()
	confirmed := f.Repairs[f.Feed.Feed].Gone
	for _, k := range v.lost {
		if day := v.day(extract.SecondOf(k.StartedAt.Time())); !slices.Contains(day.gone, k) && !slices.Contains(confirmed, k) {
			day.lost = append(day.lost, k)
		}
	}
	for _, start := range slices.Sorted(maps.Keys(v.days)) {
		missing = append(missing, f.judgeDay(start, v.days[start])...)
	}
	return missing
}

func (f *feedRun) judgeDay(start extract.Second, d *dayRead) []load.Key {
	d.gone = slices.DeleteFunc(d.gone, f.vanished.isListed)
	d.lost = slices.DeleteFunc(d.lost, f.vanished.isListed)
	gone, stored := len(d.gone)+d.uncounted, d.stored+len(d.lost)
	limit := f.MissingLimit.of(stored)
	switch {
	case gone > 0 && !d.answered && (gone > limit || f.wasReadWhole(start)):
		f.doubtDay(doubtfulDay{start, gone, d.stored, 0})
		return nil
	case gone+len(d.lost) > limit || d.uncounted > 0:
		f.doubtDay(doubtfulDay{start, gone + len(d.lost), stored, limit})
		return nil
	case gone > 0 && !d.answered: // a quiet hour: the reading of the whole day decides
		f.Log.Info("the source lists nothing in a part of a day in which conversations are stored; nothing was changed before the whole day is read",
			"day", dateOf(start), "stored", d.stored)
		return d.lost
	}
	return append(d.gone, d.lost...)
}

// wasReadWhole reports whether this run read all of a day that the history has.
func (f *feedRun) wasReadWhole(start extract.Second) bool {
	day := extract.Span{From: max(start, f.Start), Until: start + secondsPerDay}
	return len(extract.Without([]extract.Span{day}, f.wereRead)) == 0
}

func (f *feedRun) doubtDay(d doubtfulDay) {
	f.doubtful = append(f.doubtful, d)
	f.Log.Warn("the source no longer lists many conversations of a day; nothing of the day was changed",
		"day", dateOf(d.start), "not_listed", d.gone, "stored", d.stored, "limit", d.limit)
}

// doubt is the error of days of which a person has to confirm that they are
// gone; nil: there are none.
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
		": nothing of these days was changed; check that the key may still read all of the project, and if the conversations are really gone, confirm it with " +
		fmt.Sprintf("`convsync verify --repair --project %s --from %s --to %s`", f.ProjectID, dateOf(first), dateOf(last+secondsPerDay))}
}

func (d doubtfulDay) String() string {
	if d.limit == 0 {
		return fmt.Sprintf("all %d of %s", d.gone, dateOf(d.start))
	}
	return fmt.Sprintf("%d of the %d of %s (limit without confirmation: %d)", d.gone, d.stored, dateOf(d.start), d.limit)
}

func dateOf(s extract.Second) string { return s.Time().Format(time.DateOnly) }
