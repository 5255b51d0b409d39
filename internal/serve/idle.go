package serve

import (
	"time"

	"convsync/internal/pipeline"
	"convsync/internal/warehouse"
)

// leastIdle is the minimum time without a run that is a problem, however often
// runs are scheduled.
const leastIdle = 15 * time.Minute

// idleSince returns the last sign of a run if two scheduled times have passed
// since; zero: runs start as scheduled. started is the start of this process, with
// its monotonic clock reading, because the clock of the machine may have been
// corrected since. Times in the future come from a wrong clock and are ignored.
func (s *snapshot) idleSince(o *Options, started, now time.Time) time.Time {
	if o.SecondRunAfter == nil || s.at.IsZero() {
		return time.Time{}
	}
	if o.Metrics != nil {
		if running, _ := o.Metrics.inProgress(); len(running) > 0 {
			return time.Time{}
		}
	}
	last := time.Time{}
	if !started.IsZero() {
		last = now.Add(-now.Sub(started)).Round(0)
	}
	sign := func(t warehouse.Timestamp) {
		if at := t.Time(); t != 0 && !at.After(now) && at.After(last) {
			last = at
		}
	}
	for i := range s.runs {
		if s.runs[i].Kind == pipeline.KindAudio {
			continue // it loads nothing, and has a schedule of its own
		}
		sign(s.runs[i].StartedAt)
		if s.runs[i].FinishedAt.Valid {
			sign(s.runs[i].FinishedAt.V)
		}
	}
	for f := range s.states {
		state := s.states[f]
		sign(lastRead(&state)) // a run in progress has no row
	}
	if last.IsZero() {
		return time.Time{}
	}
	due := o.SecondRunAfter(last)
	if due.IsZero() || !now.After(later(due, last.Add(leastIdle))) {
		return time.Time{}
	}
	return last
}
