package extract

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// freeRetries may be made before the share of retries is looked at: a run of
	// few requests must still get over a bad minute.
	freeRetries = 20

	// maxFailingFirst bounds the time that failed requests of a project take
	// before anything was read of it: what fails so slowly at the start of a run
	// is better left to the next run.
	maxFailingFirst = 150 * time.Second
	// maxFailing bounds it since the last page, and also the pauses that the
	// source asks for since then.
	maxFailing = maxRetryAfter
	// slowFailure is a failed request that took so long that the project's
	// requests go one at a time until a page is read: they hold permits that
	// other projects wait for.
	slowFailure = 10 * time.Second
)

// account is what a run counts of one project, whichever key it uses: its
// retries, the time that it lost to failures, and what it learned of the pages
// of its source. A project that is stuck gives up by its account, and neither
// holds up the others nor the run. It is safe for concurrent use.
type account struct {
	requests, retries atomic.Int64
	alone             chan struct{} // held by the one request of a project that is stuck

	mu           sync.Mutex
	mostRows     int           // of a page, where the source refused more; 0: as asked
	alive        bool          // a conversation or a page was read in this run
	received     time.Time     // when the last one was
	failing      time.Duration // that failed requests waited since the last page; where they overlap, once
	failedUntil  time.Time
	paused       time.Duration // that the source asked for since the last page
	pausedUntil  time.Time
	pageRows     int  // of the largest page that was followed by another one
	nextWasNamed bool // the source names the next page where there is one
	endless      int  // slices in a row whose pages did not come to an end
}

func newAccount() *account { return &account{alone: make(chan struct{}, 1)} }

// mayRetry takes one retry from the account: half of all requests may be retries.
func (a *account) mayRetry() bool {
	n := a.retries.Add(1)
	if n <= freeRetries || 2*n <= a.requests.Load() {
		return true
	}
	a.retries.Add(-1)
	return false
}

// begin waits until a request may start, as far as the project itself decides
// that. The request calls end when it is over.
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
	if err := a.exhausted(); err != nil { // by a request that went before
		<-a.alone
		return nil, err
	}
	return func() { <-a.alone }, nil
}

// failed counts a failed request, and the pause that the source asks for after it.
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

// exhausted returns an error when the project failed for so long that this run
// should not go on with it.
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

// receive notes that some of a page was read.
func (a *account) receive(now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.alive, a.received = true, now
}

// pageRead notes that a page was read to its end.
func (a *account) pageRead() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.alive, a.failing, a.paused = true, 0, 0
}

// learnRows takes in how many rows a page had that was followed by another one.
func (a *account) learnRows(rows int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pageRows = max(a.pageRows, rows)
}

// learnNamed notes that the source named a next page.
func (a *account) learnNamed() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.nextWasNamed = true
}

// namesNext reports whether the source is known to name the next page where
// there is one.
func (a *account) namesNext() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.nextWasNamed
}

// sliceRead notes that a slice was read to its end.
func (a *account) sliceRead() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.endless = 0
}

// sliceEndless notes that the pages of a slice brought nothing new.
func (a *account) sliceEndless() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.endless++
}

// maxIdlePages is how many pages of a slice in a row may bring no new
// conversation: fewer where slice after slice failed for that, since the source
// then names a next page behind every page.
func (a *account) maxIdlePages() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.endless >= maxEndless {
		return 1
	}
	return maxIdlePages
}

// pageSize is how many rows a page has that was asked for with a limit: fewer
// than that where the source was seen to lower it.
func (a *account) pageSize(limit int) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.pageRows == 0 {
		return limit
	}
	return min(limit, a.pageRows)
}
