package extract

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"convsync/internal/polyai"
)

// BudgetOptions configure a [Budget].
type BudgetOptions struct {
	PerSecond float64 // requests per second; 0: no limit until the source answers 429
	Adaptive  bool    // may exceed PerSecond in small steps while the source accepts it
	InFlight  int     // maximum of concurrent requests; 0: 64
}

// Budget is a rate limiter shared by all requests that use one API key. It
// limits requests per second and requests in flight, honors the pauses that the
// source asks for, and serves projects in turn. It is safe for concurrent use.
//
// In any second it starts no more requests than its rate, and none before a
// pause ends.
type Budget struct {
	fairLock fairLock

	mu       sync.Mutex
	pace     pace
	starts   []time.Time // of the latest requests, oldest first
	paused   time.Time   // end of the pause
	inFlight int
	freed    chan struct{}       // a request ended; only the holder of the lock waits for it
	accounts map[string]*account // by project
	contact  contact
}

// NewBudget returns an unused budget.
func NewBudget(o BudgetOptions) *Budget {
	return &Budget{pace: newPace(o), freed: make(chan struct{}, 1)}
}

// limited reports whether a rate limit applies.
func (b *Budget) limited() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !math.IsInf(b.pace.rate, 1)
}

// request is a request that the budget admitted. Its end must be called.
type request struct {
	*Budget
	permits *semaphore.Weighted
	started time.Time
}

// take waits until a project's request may start, and acquires one of the
// permits that the requests of all keys share. The permit is acquired last, so
// that a request that waits for its rate or for a pause holds none that another
// key could use.
func (b *Budget) take(ctx context.Context, project string, permits *semaphore.Weighted) (*request, error) {
	b.account(project).requests.Add(1)
	if err := b.fairLock.wait(ctx, project); err != nil {
		return nil, err
	}
	defer b.fairLock.pass()
	for {
		if err := b.await(ctx); err != nil {
			return nil, err
		}
		if err := permits.Acquire(ctx, 1); err != nil {
			return nil, err
		}
		now := time.Now()
		if b.start(now) {
			return &request{b, permits, now}, nil
		}
		permits.Release(1) // meanwhile the source asked for a pause, or was found unreachable
	}
}

// await waits until the limits of the key admit a request. The caller holds the
// fair lock.
func (b *Budget) await(ctx context.Context) error {
	for {
		wait, free, err := b.check(time.Now())
		switch {
		case free || err != nil:
			return err
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
			return err
		}
	}
}

// check reports whether a request may start, and otherwise how long it has to
// wait. A wait of 0 means until another request ends.
func (b *Budget) check(now time.Time) (wait time.Duration, free bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.checkLocked(now)
}

func (b *Budget) checkLocked(now time.Time) (wait time.Duration, free bool, err error) {
	if err := b.contact.unreached(); err != nil {
		return 0, false, err
	}
	pause := b.paused.Sub(now)
	switch {
	case pause > maxRetryAfter:
		return 0, false, fmt.Errorf("%w, since the source asks to wait %s", errAskLater, pause.Round(time.Second))
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
	if len(b.starts) == mostStarts {
		b.starts = append(b.starts[:0], b.starts[mostStarts/2:]...)
	}
	b.starts = append(b.starts, now)
	return true
}

// mostStarts is how many starts are stored: twice as many as are evaluated.
const mostStarts = 2 * 1024

// answered adapts the budget to the result of a request. A pause and a lower
// rate apply to all requests of the key.
func (r *request) answered(err error, pause time.Duration) {
	now := time.Now()
	b := r.Budget
	b.mu.Lock()
	defer b.mu.Unlock()
	if until := now.Add(pause); pause > 0 && until.After(b.paused) {
		b.paused = until
	}
	b.contact.attempt(r.started, err)
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

// end releases the request's permit.
func (r *request) end() {
	r.mu.Lock()
	r.inFlight--
	r.mu.Unlock()
	r.permits.Release(1)
	select {
	case r.freed <- struct{}{}:
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

// account returns the account of a project.
func (b *Budget) account(project string) *account {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.accounts == nil {
		b.accounts = map[string]*account{}
	}
	if b.accounts[project] == nil {
		b.accounts[project] = newAccount()
	}
	return b.accounts[project]
}
