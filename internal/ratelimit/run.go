package ratelimit

import (
	"context"
	"time"
)

// Permits bound the requests in flight of a run, whichever keys they use.
type Permits interface {
	Acquire(ctx context.Context, n int64) error
	TryAcquire(n int64) bool
	Release(n int64)
}

// Run is the use of a budget by one run. Runs that share a budget are served in
// turn, and in each of them its projects. It is safe for concurrent use.
type Run struct {
	budget   *Budget
	projects fairLock[string]
}

// NewRun adds a run to those that use the budget.
func (b *Budget) NewRun() *Run { return &Run{budget: b} }

// Limited reports whether a rate limit applies.
func (r *Run) Limited() bool { return r.budget.Limited() }

// Request is a request that the budget admitted. Its End must be called.
type Request struct {
	budget  *Budget
	permits Permits
	started time.Time
	lane    bool // it is a request of a lane
	landed  bool // it no longer counts as in flight
}

// Started returns when the request was admitted.
func (r *Request) Started() time.Time { return r.started }

// Take waits until a project's request may start, and acquires one of the
// permits that the requests of all keys of the run share. The permit is acquired
// last, so that a request that waits for its rate or for a pause holds none that
// another key could use. While it waits for a permit, other runs may use the
// budget.
//
// stop is called when it is the request's turn, and after each wait. If it returns
// an error, Take gives up and returns that error. If the source asked for a pause
// longer than [MaxPause], Take returns a [PauseError].
func (r *Run) Take(ctx context.Context, project string, permits Permits, stop func() error) (*Request, error) {
	if err := r.projects.wait(ctx, project); err != nil {
		return nil, err
	}
	defer r.projects.pass()
	for {
		request, err := r.takeFree(ctx, permits, stop)
		if request != nil || err != nil {
			return request, err
		}
		if err := permits.Acquire(ctx, 1); err != nil {
			return nil, err
		}
		if request := r.start(permits, stop); request != nil {
			return request, nil
		}
	}
}

// takeFree waits until it is the turn of the run and the budget admits a request.
// It returns nil if no permit is free then.
func (r *Run) takeFree(ctx context.Context, permits Permits, stop func() error) (*Request, error) {
	if err := r.budget.runs.wait(ctx, r); err != nil {
		return nil, err
	}
	defer r.budget.runs.pass()
	for {
		if err := r.budget.await(ctx, stop); err != nil {
			return nil, err
		}
		if !permits.TryAcquire(1) {
			return nil, nil
		}
		if request := r.start(permits, stop); request != nil {
			return request, nil
		}
	}
}

// start starts a request that has a permit. It returns the permit if the request
// may not start: meanwhile the source asked for a pause, another run used the
// rate, or stop has an error.
func (r *Run) start(permits Permits, stop func() error) *Request {
	now := time.Now()
	if stop() == nil && r.budget.start(now) {
		return &Request{budget: r.budget, permits: permits, started: now}
	}
	permits.Release(1)
	return nil
}
