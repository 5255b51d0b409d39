package schedule

import (
	"context"
	"time"
)

// clockTolerance is the difference from which the clock counts as set, and by
// which a noted slot may be in the future. Time servers correct less than that
// now and then, and no slot runs twice for it.
const clockTolerance = time.Minute

// wallClock is the time of day, without the monotonic clock: slots are compared
// with what the clock shows, also after it was set.
func wallClock() time.Time { return time.Now().Round(0) }

// ahead reports whether a slot was noted by a clock that has been set back since.
func ahead(slot, now time.Time) bool { return slot.Sub(now) > clockTolerance }

// dropFuture forgets a noted slot that is in the future: it would hold back all
// runs until then. The slots in between run, some of them for the second time,
// which is harmless. The error is the store's.
func (s *Scheduler) dropFuture(ctx context.Context, e *entry) (dropped bool, err error) {
	last, now := e.lastSlot(), s.wall()
	if !ahead(last, now) {
		return false, nil
	}
	e.setLast(now)
	s.log.WarnContext(ctx, "the last recorded scheduled time is in the future, because the clock was set back: it is dropped, and runs continue from now",
		"schedule", e.name, "recorded", last, "now", now, "next", e.timetable.Next(now))
	return true, s.store.Note(ctx, e.name, now)
}

// watchClock logs, until a stop, when the clock was set: it then shows another
// time than the monotonic clock, which nobody can set, has measured.
func (s *Scheduler) watchClock() {
	shown, measured := s.wall(), time.Now()
	for s.wait(lookEvery) {
		jump := s.wall().Sub(shown) - time.Since(measured)
		shown, measured = s.wall(), time.Now()
		switch {
		case jump < -clockTolerance:
			s.log.WarnContext(s.ctx, "the clock was set back; scheduled times that were recorded in the future are dropped",
				"by", -jump, "now", shown)
		case jump > clockTolerance:
			s.log.WarnContext(s.ctx, "the clock was set forward, or the machine was suspended; the last missed scheduled time of each schedule runs now",
				"by", jump, "now", shown)
		}
	}
}
