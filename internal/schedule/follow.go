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

// lookEvery is the maximum duration of a timer: on a machine that was suspended, or
// whose clock was set, timers fire at the wrong time.
const lookEvery = time.Minute

// recall loads the last scheduled time of an entry from the store. For a new entry
// that is now, so that nothing counts as missed.
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

// follow runs each scheduled time of an entry, until a stop.
func (s *Scheduler) follow(e *entry) {
	for s.waitForNext(e) {
		last, now := e.lastTime(), s.wall()
		due := e.timetable.latest(last, now)
		if due.IsZero() {
			continue // the clock was just set back
		}
		if e.jitter > 0 && !s.wait(rand.N(e.jitter)) || s.isStopping() || s.ctx.Err() != nil {
			return // not recorded, so that it is caught up later
		}
		if now.Sub(due) > lookEvery || e.timetable.Next(last).Before(due) {
			s.log.WarnContext(s.ctx, "missed scheduled times; running the last one now", "schedule", e.name, "scheduled_time", due, "since", last)
		}
		s.take(e, due)
	}
}

// waitForNext waits until a scheduled time is due. It returns false on a stop.
func (s *Scheduler) waitForNext(e *entry) bool {
	due := e.timetable.Next(e.lastTime())
	for {
		dropped, err := s.dropFuture(s.ctx, e)
		if err != nil {
			s.log.ErrorContext(s.ctx, "cannot save that a scheduled time was dropped; a restart drops it again", "schedule", e.name, "error", err)
		}
		if dropped {
			due = e.timetable.Next(e.lastTime())
		}
		left := lookEvery
		if !due.IsZero() {
			left = min(left, due.Sub(s.wall()))
		}
		if left <= 0 {
			return true
		}
		if !s.wait(left) {
			return false
		}
	}
}

// wait returns false if a stop ends the wait.
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

// take records a scheduled time and starts its run, unless the last run is in
// progress.
func (s *Scheduler) take(e *entry, due time.Time) {
	free := e.begin()
	e.setLast(due)
	if err := s.store.Note(s.ctx, e.name, due); err != nil {
		// Runs are idempotent: one too many is better than none.
		s.log.ErrorContext(s.ctx, "cannot record the scheduled time; it may run again after a restart", "schedule", e.name, "scheduled_time", due, "error", err)
	}
	if !free {
		s.log.WarnContext(s.ctx, "skipped a scheduled time: the last run is still in progress", "schedule", e.name, "scheduled_time", due)
		return
	}
	s.runs.Go(func() { s.run(e) })
}

// run runs an entry whose run is counted.
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

// guarded turns a panic into an error.
func (s *Scheduler) guarded(e *entry) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
			return
		case runtime.Error:
			err = fmt.Errorf("panic: %w", p)
		default: // the value can be anything, even a transcript: log the stack only
			err = fmt.Errorf("panic with a %T", p)
		}
		s.log.ErrorContext(s.ctx, "the run panicked", "schedule", e.name, "stack", string(debug.Stack()))
	}()
	return e.do(s.ctx)
}
