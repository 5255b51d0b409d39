package ratelimit

import (
	"context"
	"math"
	"sync"
	"time"
)

// MaxPause is the longest pause that a request waits for.
const MaxPause = 15 * time.Minute

// PauseError means that the source asked for a pause longer than [MaxPause].
type PauseError struct {
	Left time.Duration // until the end of the pause
}

func (e *PauseError) Error() string {
	return "the source asks to wait " + e.Left.Round(time.Second).String()
}

// BudgetOptions configure a [Budget].
type BudgetOptions struct {
	PerSecond float64 // requests per second; 0: no limit until the source answers 429
	Adaptive  bool    // may exceed PerSecond in small steps while the source accepts it
	InFlight  int     // maximum of concurrent requests; 0: 64
}

// Budget is a rate limiter shared by all requests that use one API key. It
// limits requests per second and requests in flight, honors the pauses that the
// source asks for, and serves runs in turn, and in each run its projects. It is
// safe for concurrent use.
//
// In any second it starts no more requests than its rate, and none before a
// pause ends.
type Budget struct {
	options BudgetOptions
	runs    fairLock[*Run]

	mu       sync.Mutex
	pace     pace
	starts   []time.Time // of the latest requests, oldest first
	paused   time.Time   // end of the pause
	inFlight int
	freed    chan struct{} // a request ended; only the holder of the lock waits for it
}

// NewBudget returns an unused budget.
func NewBudget(o BudgetOptions) *Budget {
	return &Budget{options: o, pace: newPace(o), freed: make(chan struct{}, 1)}
}

// Configure changes the options. What the budget has learned about the rate is
// dropped if they differ; pauses and the latest requests remain.
func (b *Budget) Configure(o BudgetOptions) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if o != b.options {
		b.options, b.pace = o, newPace(o)
	}
}

// Limited reports whether a rate limit applies.
func (b *Budget) Limited() bool { return !math.IsInf(b.rate(), 1) }

// rate returns the requests per second that are allowed now; +Inf: no limit.
func (b *Budget) rate() float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.pace.rate
}

// await waits until the limits of the key admit a request. It is the turn of the
// caller's run.
func (b *Budget) await(ctx context.Context, stop func() error) error {
	for {
		if err := stop(); err != nil {
			return err
		}
		wait, free, err := b.check(time.Now())
		if free || err != nil {
			return err
		}
		if err := b.sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// sleep waits until another request ends, or until wait is over unless it is 0.
func (b *Budget) sleep(ctx context.Context, wait time.Duration) error {
	var over <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-over:
	case <-b.freed:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// check reports whether a request may start, and otherwise how long it has to
// wait. A wait of 0 means until another request ends.
func (b *Budget) check(now time.Time) (wait time.Duration, free bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.checkLocked(now)
}

func (b *Budget) checkLocked(now time.Time) (wait time.Duration, free bool, err error) {
	pause := b.paused.Sub(now)
	switch {
	case pause > MaxPause:
		return 0, false, &PauseError{pause}
	case b.inFlight >= b.pace.inFlight():
		return 0, false, nil
	case pause > 0:
		return pause, false, nil
	}
	wait = b.pace.wait(b.starts, now)
	return wait, wait <= 0, nil
}

// start counts a request that starts now; false if it may not start.
func (b *Budget) start(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, free, err := b.checkLocked(now); !free || err != nil {
		return false
	}
	b.inFlight++
	b.starts = addStart(b.starts, now)
	return true
}

// addStart adds a start, and forgets the oldest ones.
func addStart(starts []time.Time, at time.Time) []time.Time {
	if len(starts) == mostStarts {
		starts = append(starts[:0], starts[mostStarts/2:]...)
	}
	return append(starts, at)
}

// mostStarts is how many starts are stored: twice as many as are evaluated.
const mostStarts = 2 * 1024

// Result is the result of a request, as far as it concerns the rate.
type Result uint8

// The results of a request.
const (
	Accepted   Result = iota // the source answered
	Limited                  // it refused the request because of the rate: 429
	Overloaded               // it has too much to do: 503
	Failed                   // any other failure, which says nothing about the rate
)

// Answered adapts the budget to the result of the request. pause is the time that
// the source asks to wait. The pause and a lower rate apply to all requests of the
// key. A request of a [Lane] no longer counts as in flight then, and its latency is
// ignored: recordings come from another host than conversations.
func (r *Request) Answered(result Result, pause time.Duration) {
	now := time.Now()
	b := r.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	if until := now.Add(pause); pause > 0 && until.After(b.paused) {
		b.paused = until
	}
	if r.lane {
		r.landLocked()
	}
	switch result {
	case Accepted:
		if r.lane {
			b.pace.accepted(now)
		} else {
			b.pace.answered(r.started, now)
		}
	case Limited:
		b.pace.limited(r.started, now, b.starts)
	case Overloaded:
		b.pace.overloaded(r.started, now)
	case Failed:
	}
}

// End releases the request's permit.
func (r *Request) End() {
	r.budget.mu.Lock()
	r.landLocked()
	r.budget.mu.Unlock()
	r.permits.Release(1)
}

// landLocked ends the time in which the request counts as in flight.
func (r *Request) landLocked() {
	if r.landed {
		return
	}
	r.landed = true
	r.budget.inFlight--
	select {
	case r.budget.freed <- struct{}{}:
	default:
	}
}

// usedOver is the window over which usage is measured.
const usedOver = 10 * time.Second

// Use returns the requests started per second over the last 10 seconds, the rate
// that is allowed now (+Inf: no limit), and the number of requests in flight.
func (b *Budget) Use(now time.Time) (perSecond, allowed float64, inFlight int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for n < len(b.starts) && now.Sub(b.starts[len(b.starts)-1-n]) < usedOver {
		n++
	}
	return float64(n) / usedOver.Seconds(), b.pace.rate, b.inFlight
}
