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

// BudgetOptions configure a budget.
type BudgetOptions struct {
	PerSecond float64 // requests a second; 0: no limit, until the source sets one by 429
	Adaptive  bool    // may go beyond PerSecond, carefully, while the source bears it
	InFlight  int     // requests at once, at most; 64 unless set
}

// Budget is what the requests of one key share: their turns, their rate, how
// many are in flight, and the pauses that the source asks for. Of each project
// it has an account. It is safe for concurrent use.
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
	freed    chan struct{}       // a request ended; only who has the turn waits for it
	accounts map[string]*account // by project
	contact  contact
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
	slots   *semaphore.Weighted
	started time.Time
}

// take waits until a request of a project may start, and gets it one of the
// slots, which the requests of all keys share. The slot comes last: what waits
// for its rate or for the end of a pause holds none, and keeps no other key
// waiting.
func (b *Budget) take(ctx context.Context, project string, slots *semaphore.Weighted) (*request, error) {
	b.account(project).requests.Add(1)
	if err := b.turns.wait(ctx, project); err != nil {
		return nil, err
	}
	defer b.turns.pass()
	for {
		if err := b.await(ctx); err != nil {
			return nil, err
		}
		if err := slots.Acquire(ctx, 1); err != nil {
			return nil, err
		}
		now := time.Now()
		if b.start(now) {
			return &request{b, slots, now}, nil
		}
		slots.Release(1) // the source asked for a pause meanwhile, or was found to be away
	}
}

// await waits until nothing of the key holds up a request. Who has the turn
// calls it.
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

// check tells whether a request is free to start, or how long it has to wait;
// 0: until another ends.
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

// start counts a request that starts now, if it is free to.
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

// end makes room for another request.
func (r *request) end() {
	r.mu.Lock()
	r.inFlight--
	r.mu.Unlock()
	r.slots.Release(1)
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

// account is the one of a project.
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
