package extract

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"convsync/internal/ratelimit"
)

const (
	// freeRetries are allowed before the share of retries is limited, so that a
	// short run survives a bad minute.
	freeRetries = 20

	// maxFailingFirst limits the time that a project's failed requests may take
	// before the run has read anything from it. After that, retrying is left to
	// the next run.
	maxFailingFirst = 150 * time.Second
	// maxFailing limits the same time after the last page, and the pauses that
	// the source asked for after it.
	maxFailing = ratelimit.MaxPause
	// slowFailure is the time lost to failures after which a project sends one
	// request at a time until a page is read. More would occupy permits that
	// other projects need.
	slowFailure = 10 * time.Second
)

// account holds the counters of one project in a run, whichever key it uses:
// retries, time lost to failures, and what the source's pages look like. They
// decide when a failing project gives up, so that it delays neither other
// projects nor the run. It is safe for concurrent use.
type account struct {
	requests, retries atomic.Int64
	alone             chan struct{} // held by the only request of a failing project

	mu           sync.Mutex
	mostRows     int           // page size that the source accepts; 0: any
	alive        bool          // a conversation or a page was read in this run
	received     time.Time     // when the last one was read
	failing      time.Duration // time lost to failed requests since the last page; overlaps count once
	failedUntil  time.Time
	paused       time.Duration // pauses that the source asked for since the last page
	pausedUntil  time.Time
	pageRows     int  // rows of the largest page that was followed by another one
	nextWasNamed bool // the source names the next page if there is one
	endless      int  // consecutive slices whose pages had no end
}

func newAccount() *account { return &account{alone: make(chan struct{}, 1)} }

// mayRetry counts a retry and reports whether it is allowed: at most half of all
// requests may be retries.
func (a *account) mayRetry() bool {
	n := a.retries.Add(1)
	if n <= freeRetries || 2*n <= a.requests.Load() {
		return true
	}
	a.retries.Add(-1)
	return false
}

// begin waits until the project may send a request. While the project keeps
// failing slowly, only one of its requests runs at a time. Call end when the
// request is done.
func (a *account) begin(ctx context.Context) (end func(), err error) {
	a.mu.Lock()
	slow := a.failing >= slowFailure
	a.mu.Unlock()
	if !slow {
		return func() {}, nil
	}
	select {
	case a.alone <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := a.exhausted(); err != nil { // an earlier request used up the time
		<-a.alone
		return nil, err
	}
	return func() { <-a.alone }, nil
}

// failed counts a failed request, and the pause that the source asked for.
func (a *account) failed(started, now time.Time, pause time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, at := range []time.Time{a.failedUntil, a.received} {
		if started.Before(at) {
			started = at
		}
	}
	a.failing += max(now.Sub(started), 0)
	a.failedUntil = now
	from, until := now, now.Add(pause)
	if from.Before(a.pausedUntil) {
		from = a.pausedUntil
	}
	if until.After(from) {
		a.paused += until.Sub(from)
		a.pausedUntil = until
	}
}

// exhausted returns an error if the project failed for so long that this run
// should give it up.
func (a *account) exhausted() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	most := maxFailing
	if !a.alive {
		most = maxFailingFirst
	}
	switch {
	case a.failing >= most:
		return fmt.Errorf("%w, since requests of this project failed for %s without a page in between; the next run tries again",
			errAskLater, a.failing.Round(time.Second))
	case a.paused > maxFailing:
		return fmt.Errorf("%w, since the source asked to wait %s in all without a page in between; the next run tries again",
			errAskLater, a.paused.Round(time.Second))
	}
	return nil
}

// receive records that a part of a page was read.
func (a *account) receive(now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.alive, a.received = true, now
}

// pageRead records that a page was read to its end.
func (a *account) pageRead() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.alive, a.failing, a.paused = true, 0, 0
}

// learnRows records the row count of a page that was followed by another one.
func (a *account) learnRows(rows int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pageRows = max(a.pageRows, rows)
}

// learnNamed records that the source named a next page.
func (a *account) learnNamed() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.nextWasNamed = true
}

// namesNext reports whether the source has named a next page in this run.
func (a *account) namesNext() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.nextWasNamed
}

// sliceRead records that a slice was read to its end.
func (a *account) sliceRead() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.endless = 0
}

// sliceEndless records that the pages of a slice stopped returning new conversations.
func (a *account) sliceEndless() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.endless++
}

// maxIdlePages returns how many consecutive pages of a slice may contain no new
// conversation. It is 1 after several slices failed that way, since the source
// then names a next page after every page.
func (a *account) maxIdlePages() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.endless >= maxEndless {
		return 1
	}
	return maxIdlePages
}

// pageSize returns how many rows a full page has for a requested limit. That is
// less than the limit if the source lowers it.
func (a *account) pageSize(limit int) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.pageRows == 0 {
		return limit
	}
	return min(limit, a.pageRows)
}
