package schedule

import (
	"time"

	"github.com/robfig/cron/v3"
)

// A Timetable knows when the slots of an expression come. [Parse] makes one.
type Timetable struct {
	// clock is asked in UTC for what a clock on the wall would show: it mishandles
	// the changes of a zone itself.
	clock    cron.Schedule
	location *time.Location
	// throughout: it goes on when the clock shows an hour again, as its hours are
	// every one, or every so many.
	throughout bool
	every      time.Duration // instead of clock and location
}

// Next returns the moment of the first slot after a moment, or the zero time
// when there is none in the next five years.
func (t Timetable) Next(after time.Time) time.Time {
	if t.every > 0 {
		return after.UTC().Truncate(t.every).Add(t.every)
	}
	if t.throughout {
		return t.nextShown(after)
	}
	// Times that come twice have had their turn when they come again.
	for wall := t.clock.Next(onTheWall(after, t.location)); !wall.IsZero(); wall = t.clock.Next(wall) {
		if slot := firstShown(wall, t.location); slot.After(after) {
			return slot
		}
	}
	return time.Time{}
}

// nextShown is Next where a time that comes twice is two slots. Each stretch of
// one offset is searched in turn.
func (t Timetable) nextShown(after time.Time) time.Time {
	from := after.In(t.location)
	for wall := t.clock.Next(onTheWall(after, t.location)); !wall.IsZero(); {
		_, offset := from.Zone()
		moment := wall.Add(-time.Duration(offset) * time.Second)
		end := stretchEnd(from)
		if end.IsZero() || moment.Before(end) {
			return moment
		}
		shown := onTheWall(end, t.location)
		forward := shown.Sub(end.UTC()) > time.Duration(offset)*time.Second
		if forward && !wall.After(shown) { // the clocks went forward over it
			return end
		}
		from, wall = end, t.clock.Next(shown.Add(-time.Second))
	}
	return time.Time{}
}

// latest returns the last slot after one moment and not after another, or the
// zero time when there is none. It looks back from the end in growing steps, as
// the beginning may be long ago.
func (t Timetable) latest(after, until time.Time) time.Time {
	for back := time.Hour; ; back *= 2 {
		from := until.Add(-back)
		last := !from.After(after)
		if last {
			from = after
		}
		var found time.Time
		for slot := t.Next(from); !slot.IsZero() && !slot.After(until); slot = t.Next(slot) {
			found = slot
		}
		if last || !found.IsZero() {
			return found
		}
	}
}

// onTheWall is what the clocks of a location show at a moment, written in UTC,
// where no time is skipped or comes twice.
func onTheWall(moment time.Time, location *time.Location) time.Time {
	local := moment.In(location)
	_, offset := local.Zone()
	return moment.UTC().Add(time.Duration(offset) * time.Second)
}

// firstShown is the first moment at which the clocks of a location show a time
// or, where they skip it, a later one. [time.Date] leaves open which moment it
// chooses.
func firstShown(wall time.Time, location *time.Location) time.Time {
	// No zone is a day and two hours away from UTC. From there on, each stretch of
	// one offset is tried in turn.
	from := wall.Add(-26 * time.Hour).In(location)
	for {
		_, offset := from.Zone()
		moment := wall.Add(-time.Duration(offset) * time.Second).In(location)
		end := stretchEnd(from)
		switch {
		case moment.Before(from): // the clocks went forward over it
			return from
		case end.IsZero() || moment.Before(end):
			return moment
		}
		from = end
	}
}

// stretchEnd is until when the offset of a local time holds at least; zero for
// ever.
func stretchEnd(from time.Time) time.Time {
	_, end := from.ZoneBounds()
	if !end.IsZero() && !end.After(from) {
		return from.Add(time.Hour) // on 31 December of a leap year the bound is wrong: a day early
	}
	return end
}
