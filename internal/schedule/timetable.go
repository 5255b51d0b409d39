package schedule

import (
	"time"

	"github.com/robfig/cron/v3"
)

// A Timetable computes the scheduled times of an expression. [Parse] creates one.
type Timetable struct {
	// clock is evaluated in UTC with local times, because it mishandles the offset
	// changes of a zone.
	clock    cron.Schedule
	location *time.Location
	// throughout: it runs every hour or every n hours, and therefore also in an hour
	// that occurs again.
	throughout bool
	every      time.Duration // instead of clock and location
}

// Next returns the first scheduled time after a time, or the zero time if there is
// none in the next five years.
func (t Timetable) Next(after time.Time) time.Time {
	if t.every > 0 {
		return after.UTC().Truncate(t.every).Add(t.every)
	}
	if t.throughout {
		return t.nextShown(after)
	}
	// A local time that occurs twice runs only the first time.
	for wall := t.clock.Next(onTheWall(after, t.location)); !wall.IsZero(); wall = t.clock.Next(wall) {
		if due := firstShown(wall, t.location); due.After(after) {
			return due
		}
	}
	return time.Time{}
}

// nextShown is Next for a local time that counts twice when it occurs twice. It
// searches each period of constant offset.
func (t Timetable) nextShown(after time.Time) time.Time {
	from := after.In(t.location)
	for wall := t.clock.Next(onTheWall(after, t.location)); !wall.IsZero(); {
		_, offset := from.Zone()
		moment := wall.Add(-time.Duration(offset) * time.Second)
		end := offsetEnd(from)
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

// latest returns the last scheduled time after one time and not after another, or
// the zero time if there is none. It searches backwards from the end in growing
// steps, because the start can be long ago.
func (t Timetable) latest(after, until time.Time) time.Time {
	for back := time.Hour; ; back *= 2 {
		from := until.Add(-back)
		last := !from.After(after)
		if last {
			from = after
		}
		var found time.Time
		for due := t.Next(from); !due.IsZero() && !due.After(until); due = t.Next(due) {
			found = due
		}
		if last || !found.IsZero() {
			return found
		}
	}
}

// onTheWall returns the local time of a location as a time in UTC, where no time is
// skipped or occurs twice.
func onTheWall(moment time.Time, location *time.Location) time.Time {
	local := moment.In(location)
	_, offset := local.Zone()
	return moment.UTC().Add(time.Duration(offset) * time.Second)
}

// firstShown returns the first moment of a local time or, if the location skips it,
// of the next local time. [time.Date] does not specify which moment it returns.
func firstShown(wall time.Time, location *time.Location) time.Time {
	// No zone is 26 hours away from UTC. From there on, try each period of constant
	// offset.
	from := wall.Add(-26 * time.Hour).In(location)
	for {
		_, offset := from.Zone()
		moment := wall.Add(-time.Duration(offset) * time.Second).In(location)
		end := offsetEnd(from)
		switch {
		case moment.Before(from): // the clocks went forward over it
			return from
		case end.IsZero() || moment.Before(end):
			return moment
		}
		from = end
	}
}

// offsetEnd returns the time until which the offset of a local time is constant;
// zero: forever.
func offsetEnd(from time.Time) time.Time {
	_, end := from.ZoneBounds()
	if !end.IsZero() && !end.After(from) {
		return from.Add(time.Hour) // on 31 December of a leap year the bound is wrong: a day early
	}
	return end
}
