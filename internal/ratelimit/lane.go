package ratelimit

import (
	"context"
	"math"
	"sync"
	"time"
)

// Lane is a fixed share of a budget for work that must not delay runs, such as a
// backlog of recordings. It never starts more than its share of the rate that is
// allowed now, also while no run uses the rest. Its requests that have been answered
// do not count as in flight, since reading the body of a recording takes long. It is
// safe for concurrent use.
//
// Each lane has its own share: all work of one kind with one key shares one lane.
type Lane struct {
	run   *Run
	share float64
	turn  fairLock[struct{}]

	mu     sync.Mutex
	starts []time.Time // of the latest requests of this lane, oldest first
}

// maxLaneWait is the longest wait after which a lane checks the rate again: it may
// have risen.
const maxLaneWait = time.Second

// NewLane returns a lane with a share of the rate, between 0 and 1. A budget without
// a rate limit does not limit the lane.
func (b *Budget) NewLane(share float64) *Lane { return &Lane{run: b.NewRun(), share: share} }

// Limited reports whether a rate limit applies.
func (l *Lane) Limited() bool { return l.run.Limited() }

// Take waits until a request may start within the share of the lane and all limits of
// the budget, and acquires a permit. Waiting for the share does not delay runs. stop
// and the errors are those of [Run.Take].
func (l *Lane) Take(ctx context.Context, permits Permits, stop func() error) (*Request, error) {
	if err := l.turn.wait(ctx, struct{}{}); err != nil {
		return nil, err
	}
	defer l.turn.pass()
	for {
		if err := stop(); err != nil {
			return nil, err
		}
		wait := l.wait(time.Now())
		if wait <= 0 {
			break
		}
		if err := Sleep(ctx, min(wait, maxLaneWait)); err != nil {
			return nil, err
		}
	}
	request, err := l.run.Take(ctx, "", permits, stop)
	if err != nil {
		return nil, err
	}
	request.lane = true
	l.started(request.started)
	return request, nil
}

// wait returns how long the next request has to wait for the share of the lane. The
// share applies to any ten seconds. Within these, requests may be a third faster, so
// that time spent waiting for runs is not lost.
func (l *Lane) wait(now time.Time) (wait time.Duration) {
	rate := l.share * l.run.budget.rate()
	l.mu.Lock()
	defer l.mu.Unlock()
	if math.IsInf(rate, 1) {
		return 0
	}
	for _, within := range []struct{ seconds, faster float64 }{{10, 1}, {1, 0.75}} {
		n := min(max(math.Floor(rate*within.seconds), 1), mostStarts/2)
		if len(l.starts) < int(n) {
			continue
		}
		next := l.starts[len(l.starts)-int(n)].Add(time.Duration(within.faster * n / rate * float64(time.Second)))
		wait = max(wait, next.Sub(now))
	}
	return wait
}

func (l *Lane) started(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.starts = addStart(l.starts, at)
}
