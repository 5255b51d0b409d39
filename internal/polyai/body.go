package polyai

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// errStalled is returned when the source sends nothing, or too little, for too long.
var errStalled = errors.New("the response stalled")

// idleReader reads a body, and cancels the request when the source sends nothing,
// or too little, for too long.
type idleReader struct {
	body    io.ReadCloser
	cancel  context.CancelCauseFunc
	idle    time.Duration
	timer   *time.Timer
	stalled atomic.Bool
	floor   floor
	slow    error // set when the body was slower than the floor
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

// cause returns the reason if reading ended because of a timeout.
func (r *idleReader) cause() error {
	if r.stalled.Load() {
		return fmt.Errorf("%w: no data for %s", errStalled, r.idle)
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
	// that keeps a connection alive with spaces sends about one byte per second.
	floorBytes = 6000
	// maxConversationWait limits the wait for one conversation, so that a body with
	// enough bytes but without conversations ends, too.
	maxConversationWait = 10 * time.Minute
)

// floor enforces a minimum speed of a body. It counts only the time spent waiting
// for the source, so that a slow destination does not make the source look slow.
type floor struct {
	waited, waitedForOne time.Duration // in this window, and since the last conversation
	bytes                int
	isRecording          bool // the body has no conversations
}

// take records a read of n bytes and how long it waited. It returns an error if the
// body is too slow.
func (f *floor) take(n int, waited time.Duration) error {
	f.bytes += n
	f.waited += waited
	f.waitedForOne += waited
	switch {
	case f.waitedForOne >= maxConversationWait && !f.isRecording:
		return fmt.Errorf("%w: no conversation within %s", errStalled, maxConversationWait)
	case f.waited < floorWindow:
		return nil
	case f.bytes < floorBytes:
		return fmt.Errorf("%w: only %d bytes within %s", errStalled, f.bytes, f.waited.Round(time.Second))
	}
	f.waited, f.bytes = 0, 0
	return nil
}

// conversation records that a complete conversation was read.
func (f *floor) conversation() { f.waitedForOne = 0 }
