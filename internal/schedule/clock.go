package schedule

import (
	"context"
	"time"
)

// clockTolerance is the difference from which the clock counts as set, and the
// time that a recorded scheduled time may be in the future. Time servers make
// smaller corrections regularly, which must not make a scheduled time run twice.
const clockTolerance = time.Minute

// wallClock returns the time without the monotonic clock reading: scheduled times
// are compared with the wall clock, also after it was set.
func wallClock() time.Time { return time.Now().Round(0) }

// ahead reports whether a scheduled time was recorded before the clock was set back.
func ahead(due, now time.Time) bool { return due.Sub(now) > clockTolerance }

// dropFuture drops a recorded scheduled time that is in the future: it would block
// all runs until then. The scheduled times in between run, some of them for the
// second time, which is harmless. The error is that of the store.
func (s *Scheduler) dropFuture(ctx context.Context, e *entry) (dropped bool, err error) {
	last, now := e.lastTime(), s.wall()
	if !ahead(last, now) {
		return false, nil
	}
	e.setLast(now)
	s.log.WarnContext(ctx, "the last recorded scheduled time is in the future, because the clock was set back: it is dropped, and runs continue from now",
		"schedule", e.name, "recorded", last, "now", now, "next", e.timetable.Next(now))
	return true, s.store.Note(ctx, e.name, now)
}

// watchClock logs, until a stop, that the clock was set: the wall clock then
// differs from the monotonic clock.
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
