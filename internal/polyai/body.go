package polyai

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// errStalled says that nothing came for too long.
var errStalled = errors.New("the answer stalled")

// idleReader reads a body and ends the request when nothing comes for too long,
// or too little.
type idleReader struct {
	body    io.ReadCloser
	cancel  context.CancelCauseFunc
	idle    time.Duration
	timer   *time.Timer
	stalled atomic.Bool
	floor   floor
	slow    error // the body was slower than the floor
	n       int64
}

func newIdleReader(body io.ReadCloser, cancel context.CancelCauseFunc, idle time.Duration) *idleReader {
	r := &idleReader{body: body, cancel: cancel, idle: idle}
	r.timer = time.AfterFunc(idle, func() {
		r.stalled.Store(true)
		cancel(errStalled)
	})
	r.timer.Stop()
	return r
}

func (r *idleReader) Read(b []byte) (int, error) {
	if r.slow != nil {
		return 0, r.slow
	}
	r.timer.Reset(r.idle)
	started := time.Now()
	n, err := r.body.Read(b)
	r.timer.Stop()
	r.n += int64(n)
	if err == nil {
		r.slow = r.floor.take(n, time.Since(started))
	}
	return n, err
}

// cause is why the reading ended, where it was for the time that passed.
func (r *idleReader) cause() error {
	if r.stalled.Load() {
		return fmt.Errorf("%w: nothing came for %s", errStalled, r.idle)
	}
	return r.slow
}

func (r *idleReader) close() error {
	r.timer.Stop()
	err := r.body.Close()
	r.cancel(nil)
	return err
}

const (
	floorWindow = time.Minute
	// floorBytes must arrive in each window: less than one conversation. A proxy
	// that keeps a connection alive with blanks sends about one byte a second.
	floorBytes = 6000
	// maxConversationWait bounds the wait for one conversation, so that a body
	// with enough bytes and without conversations ends as well.
	maxConversationWait = 10 * time.Minute
)

// floor is the least speed of a body. It counts only the time spent waiting for
// the source: a slow destination does not make the source look slow.
type floor struct {
	waited, waitedForOne time.Duration // in this window; since the last conversation
	bytes                int
}

// take counts a read and what it waited for. Its error ends the body.
func (f *floor) take(n int, waited time.Duration) error {
	f.bytes += n
	f.waited += waited
	f.waitedForOne += waited
	switch {
	case f.waitedForOne >= maxConversationWait:
		return fmt.Errorf("%w: no conversation came within %s", errStalled, maxConversationWait)
	case f.waited < floorWindow:
		return nil
	case f.bytes < floorBytes:
		return fmt.Errorf("%w: only %d bytes came within %s", errStalled, f.bytes, f.waited.Round(time.Second))
	}
	f.waited, f.bytes = 0, 0
	return nil
}

// conversation notes that a whole conversation was read.
func (f *floor) conversation() { f.waitedForOne = 0 }
