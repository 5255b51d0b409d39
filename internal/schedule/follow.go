package schedule

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"time"
)

// lookEvery is how long a timer is trusted: those of a machine that sleeps, or
// whose clock is set, go off at the wrong time of day.
const lookEvery = time.Minute

// recall learns from the store which slots have had their turn. For an entry
// that is new, those are all up to now: nothing was missed.
func (s *Scheduler) recall(ctx context.Context, e *entry) error {
	last, err := s.store.Last(ctx, e.name)
	if err != nil {
		return err
	}
	if last.IsZero() {
		last = s.wall()
		if err := s.store.Note(ctx, e.name, last); err != nil {
			return err
		}
	}
	e.setLast(last)
	_, err = s.dropFuture(ctx, e)
	return err
}

// follow gives each slot of an entry its turn, until a stop.
func (s *Scheduler) follow(e *entry) {
	for s.waitForSlot(e) {
		last, now := e.lastSlot(), s.wall()
		slot := e.timetable.latest(last, now)
		if slot.IsZero() {
			continue // the clock was put back just now
		}
		if e.jitter > 0 && !s.wait(rand.N(e.jitter)) || s.isStopping() || s.ctx.Err() != nil {
			return // the slot is not noted, and will be caught up
		}
		if now.Sub(slot) > lookEvery || e.timetable.Next(last).Before(slot) {
			s.log.WarnContext(s.ctx, "missed scheduled times; running the last one now", "schedule", e.name, "scheduled_time", slot, "since", last)
		}
		s.take(e, slot)
	}
}

// waitForSlot waits until a slot comes that has not had its turn. It returns
// false when a stop came first.
func (s *Scheduler) waitForSlot(e *entry) bool {
	slot := e.timetable.Next(e.lastSlot())
	for {
		dropped, err := s.dropFuture(s.ctx, e)
		if err != nil {
			s.log.ErrorContext(s.ctx, "cannot save that a scheduled time was dropped; a restart drops it again", "schedule", e.name, "error", err)
		}
		if dropped {
			slot = e.timetable.Next(e.lastSlot())
		}
		left := lookEvery
		if !slot.IsZero() {
			left = min(left, slot.Sub(s.wall()))
		}
		if left <= 0 {
			return true
		}
		if !s.wait(left) {
			return false
		}
	}
}

// wait tells whether the time went by without a stop.
func (s *Scheduler) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.stopping:
		return false
	case <-s.ctx.Done():
		return false
	}
}

// take notes a slot and starts its run, unless the last one still goes.
func (s *Scheduler) take(e *entry, slot time.Time) {
	free := e.begin()
	e.setLast(slot)
	if err := s.store.Note(s.ctx, e.name, slot); err != nil {
		// Runs can be repeated, and one too many is better than none at all.
		s.log.ErrorContext(s.ctx, "cannot record the scheduled time; it may run again after a restart", "schedule", e.name, "scheduled_time", slot, "error", err)
	}
	if !free {
		s.log.WarnContext(s.ctx, "skipped a scheduled time: the last run is still in progress", "schedule", e.name, "scheduled_time", slot)
		return
	}
	s.runs.Go(func() { s.run(e) })
}

// run runs an entry that has begun.
func (s *Scheduler) run(e *entry) {
	defer e.end()
	began := time.Now()
	var logged *loggedError
	switch err := s.guarded(e); {
	case errors.As(err, &logged):
	case err != nil && s.ctx.Err() != nil:
		s.log.WarnContext(s.ctx, "the run was interrupted", "schedule", e.name, "seconds", time.Since(began).Seconds(), "error", err)
	case err != nil:
		s.log.ErrorContext(s.ctx, "the run failed", "schedule", e.name, "seconds", time.Since(began).Seconds(), "error", err)
	default:
		s.log.DebugContext(s.ctx, "the run ended", "schedule", e.name, "seconds", time.Since(began).Seconds())
	}
}

// guarded makes an error of a panic.
func (s *Scheduler) guarded(e *entry) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
			return
		case runtime.Error:
			err = fmt.Errorf("panic: %w", p)
		default: // its value may be anything, a transcript too: the stack says enough
			err = fmt.Errorf("panic with a %T", p)
		}
		s.log.ErrorContext(s.ctx, "the run panicked", "schedule", e.name, "stack", string(debug.Stack()))
	}()
	return e.do(s.ctx)
}
