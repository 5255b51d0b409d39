package extract

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"convsync/internal/polyai"
)

// Source answers lists of conversations; [*polyai.Client] is one.
type Source interface {
	List(ctx context.Context, q polyai.ListQuery) (*polyai.Page, error)
}

// Stats counts what a run asked and got. It is safe for concurrent use.
type Stats struct {
	Requests, Retries, Conversations, Bytes atomic.Int64
	waited                                  atomic.Int64 // nanoseconds
}

// Waited is the time spent waiting before retries.
func (s *Stats) Waited() time.Duration { return time.Duration(s.waited.Load()) }

// Budget is what the requests of one key share: their rate, and how many of
// them may be retries. It is safe for concurrent use.
type Budget struct {
	limiter  *rate.Limiter
	requests atomic.Int64
	retries  atomic.Int64
}

// NewBudget allows perSecond requests a second; 0 means no limit.
func NewBudget(perSecond float64) *Budget {
	limit := rate.Inf
	if perSecond > 0 {
		limit = rate.Limit(perSecond)
	}
	return &Budget{limiter: rate.NewLimiter(limit, max(1, int(perSecond)))}
}

// freeRetries may be made before the share of retries is looked at: a run of
// few requests must still get over a bad minute.
const freeRetries = 20

// wait waits for the turn of a request.
func (b *Budget) wait(ctx context.Context) error {
	b.requests.Add(1)
	return b.limiter.Wait(ctx)
}

// mayRetry takes one retry from the budget: half of all requests may be retries.
func (b *Budget) mayRetry() bool {
	n := b.retries.Add(1)
	if n <= freeRetries || 2*n <= b.requests.Load() {
		return true
	}
	b.retries.Add(-1)
	return false
}
