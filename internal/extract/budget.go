package extract

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"convsync/internal/polyai"
)

// BudgetOptions configure a budget.
type BudgetOptions struct {
	PerSecond float64 // requests a second; 0: no limit, until the source sets one by 429
	Adaptive  bool    // may go beyond PerSecond, carefully, while the source bears it
	InFlight  int     // requests at once, at most; 64 unless set
}

// Budget is what the requests of one key share: their turns, their rate, how
// many are in flight, the pauses that the source asks for, and how many may be
// retries. It is safe for concurrent use.
//
// In any second it starts no more requests than its rate, and none before the
// end of a pause.
type Budget struct {
	turns turns

	mu       sync.Mutex
	pace     pace
	starts   []time.Time // the latest, oldest first
	paused   time.Time   // until then
	inFlight int
	freed    chan struct{} // a request ended; only who has the turn waits for it

	requests atomic.Int64
	retries  atomic.Int64
}

// NewBudget makes a budget that nothing was taken from.
func NewBudget(o BudgetOptions) *Budget {
	return &Budget{pace: newPace(o), freed: make(chan struct{}, 1)}
}

// limited reports whether requests are counted.
func (b *Budget) limited() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !math.IsInf(b.pace.rate, 1)
}

// request is a request that was let through. It must end.
type request struct {
	*Budget
	started time.Time
}

// take waits until a request of a project may start.
func (b *Budget) take(ctx context.Context, project string) (*request, error) {
	b.requests.Add(1)
	if err := b.turns.wait(ctx, project); err != nil {
		return nil, err
	}
	defer b.turns.pass()
	for {
		wait, start, err := b.tryStart(time.Now())
		switch {
		case start != nil || err != nil:
			return start, err
		case wait > 0:
			err = sleep(ctx, wait)
		default:
			select {
			case <-b.freed:
			case <-ctx.Done():
				err = ctx.Err()
			}
		}
		if err != nil {
			return nil, err
		}
	}
}

// tryStart starts a request, or tells how long to wait; 0: until another ends.
func (b *Budget) tryStart(now time.Time) (wait time.Duration, start *request, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if pause := b.paused.Sub(now); pause > maxRetryAfter {
		return 0, nil, fmt.Errorf("%w, since the source asks to wait %s", errAskLater, pause.Round(time.Second))
	}
	if b.inFlight >= b.pace.inFlight() {
		return 0, nil, nil
	}
	if pause := b.paused.Sub(now); pause > 0 {
		return pause, nil, nil
	}
	if wait = b.pace.wait(b.starts, now); wait > 0 {
		return wait, nil, nil
	}
	b.inFlight++
	if len(b.starts) == mostStarts {
		b.starts = append(b.starts[:0], b.starts[mostStarts/2:]...)
	}
	b.starts = append(b.starts, now)
	return 0, &request{b, now}, nil
}

// mostStarts is how many starts are remembered, twice as many as are looked at.
const mostStarts = 2 * 1024

// answered takes in how a request was answered. What the source says of its
// rate changes it for all, and all make the pause.
func (r *request) answered(err error, pause time.Duration) {
	now := time.Now()
	b := r.Budget
	b.mu.Lock()
	defer b.mu.Unlock()
	if until := now.Add(pause); pause > 0 && until.After(b.paused) {
		b.paused = until
	}
	var api *polyai.APIError
	switch {
	case err == nil:
		b.pace.answered(r.started, now)
	case polyai.IsRateLimited(err):
		b.pace.limited(r.started, now, b.starts)
	case errors.As(err, &api) && api.Status == http.StatusServiceUnavailable:
		b.pace.overloaded(r.started, now)
	}
}

// end makes room for another request.
func (r *request) end() {
	r.mu.Lock()
	r.inFlight--
	r.mu.Unlock()
	select {
	case r.freed <- struct{}{}:
	default:
	}
}

// usedOver is how long a time the use of a budget is told over.
const usedOver = 10 * time.Second

// Use tells how the budget is used: requests started a second, over the last
// seconds, how many may be, and how many are in flight.
func (b *Budget) Use(now time.Time) (perSecond, allowed float64, inFlight int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for n < len(b.starts) && now.Sub(b.starts[len(b.starts)-1-n]) < usedOver {
		n++
	}
	return float64(n) / usedOver.Seconds(), b.pace.rate, b.inFlight
}

// freeRetries may be made before the share of retries is looked at: a run of
// few requests must still get over a bad minute.
const freeRetries = 20

// mayRetry takes one retry from the budget: half of all requests may be retries.
func (b *Budget) mayRetry() bool {
	n := b.retries.Add(1)
	if n <= freeRetries || 2*n <= b.requests.Load() {
		return true
	}
	b.retries.Add(-1)
	return false
}
