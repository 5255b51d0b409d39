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

const (
	// lookEvery is how long a timer is trusted: those of a machine that sleeps, or
	// whose clock is set, go off at the wrong time of day.
	lookEvery = time.Minute
	// farAhead is how far in the future a noted slot is believed. One from beyond
	// was noted under a wrong clock, and would hold all runs back until then.
	farAhead = 24 * time.Hour
)

// recall learns from the store which slots have had their turn. For an entry
// that is new, those are all up to now: nothing was missed.
func (s *Scheduler) recall(ctx context.Context, e *entry) error {
	last, err := s.store.Last(ctx, e.name)
	if err != nil {
		return err
	}
	now := time.Now()
	future := last.After(now.Add(farAhead))
	if future {
		s.log.WarnContext(ctx, "the last slot noted is in the future; beginning anew", "schedule", e.name, "slot", last)
	}
	if last.IsZero() || future {
		last = now
		if err := s.store.Note(ctx, e.name, last); err != nil {
			return err
		}
	}
	e.setLast(last)
	return nil
}

// follow gives each slot of an entry its turn, until a stop.
func (s *Scheduler) follow(e *entry) {
	for {
		last := e.lastSlot()
		if !s.waitUntil(e.timetable.Next(last)) {
			return
		}
		now := time.Now()
		slot := e.timetable.latest(last, now)
		if slot.IsZero() {
			continue // the clock was put back just now
		}
		if e.jitter > 0 && !s.wait(rand.N(e.jitter)) || s.isStopping() || s.ctx.Err() != nil {
			return // the slot is not noted, and will be caught up
		}
		if now.Sub(slot) > lookEvery || e.timetable.Next(last).Before(slot) {
			s.log.WarnContext(s.ctx, "missed; the last slot is caught up", "schedule", e.name, "slot", slot, "since", last)
		}
		s.take(e, slot)
	}
}

// waitUntil waits for a moment on the clock; without one, for a stop. It tells
// whether the moment came without a stop.
func (s *Scheduler) waitUntil(moment time.Time) bool {
	for {
		left := time.Until(moment)
		if moment.IsZero() {
			left = lookEvery
		}
		if left <= 0 {
			return true
		}
		if !s.wait(min(left, lookEvery)) {
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
		s.log.ErrorContext(s.ctx, "the slot was not noted, and may run again after a restart", "schedule", e.name, "slot", slot, "error", err)
	}
	if !free {
		s.log.WarnContext(s.ctx, "the slot is skipped: the last run still goes", "schedule", e.name, "slot", slot)
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
		s.log.WarnContext(s.ctx, "the run was broken off", "schedule", e.name, "seconds", time.Since(began).Seconds(), "error", err)
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
