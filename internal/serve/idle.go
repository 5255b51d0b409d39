package serve

import (
	"time"

	"convsync/internal/warehouse"
)

// leastIdle is how long no run may happen before it is a problem, however often
// runs are scheduled.
const leastIdle = 15 * time.Minute

// idleSince is since when no run happened although two were scheduled; zero:
// runs happen. started is when this process began, by the monotonic clock too:
// the clock of the machine may have been corrected since. What is dated in the
// future was dated by a wrong clock, and does not count.
func (s *snapshot) idleSince(o *Options, started, now time.Time) time.Time {
	if o.SecondRunAfter == nil || s.at.IsZero() {
		return time.Time{}
	}
	if o.Metrics != nil {
		if running, _ := o.Metrics.going(); len(running) > 0 {
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
		sign(s.runs[i].StartedAt)
		if s.runs[i].FinishedAt.Valid {
			sign(s.runs[i].FinishedAt.V)
		}
	}
	for f := range s.states {
		state := s.states[f]
		sign(lastRead(&state)) // a run that still goes has no row
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
