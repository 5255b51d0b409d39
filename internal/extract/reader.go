package extract

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
)

// Reader reads spans of one feed.
type Reader struct {
	Source      Source
	AccountID   string
	ProjectID   string
	Environment string
	PageSize    int // conversations, 1 to 1000

	Budget *Budget             // shared by the requests of one key
	Slots  *semaphore.Weighted // shared by all readers: slices that are read at once
	Stats  *Stats              // shared by all readers

	// Backoff is the wait before the first retry; it doubles with each
	// further one, with jitter. 1 s unless set.
	Backoff time.Duration
	// Log is told of each retry, for people; nil is silent.
	Log func(msg string, args ...any)
}

// Emit takes what was read, chunk by chunk.
type Emit = func(context.Context, *Chunk) error

// ReadSpan reads the span whole, cut into slices that are read in parallel, and
// hands over what was answered, chunk by chunk, from several goroutines. An
// emitted conversation may lie outside of the span and may come twice. After
// an error some may be missing.
func (r *Reader) ReadSpan(ctx context.Context, slices []Span, emit Emit) error {
	g, groupCtx := errgroup.WithContext(ctx)
	for _, s := range slices {
		if r.Slots.Acquire(groupCtx, 1) != nil {
			break // a slice failed, or the run stops
		}
		g.Go(func() error {
			err := func() error {
				defer r.Slots.Release(1)
				return r.readSlice(groupCtx, &walk{Reader: r, span: s, ask: s, patience: unhurried, emit: emit})
			}()
			if dense := (*denseError)(nil); errors.As(err, &dense) {
				return r.ReadSpan(groupCtx, s.cut(dense.parts(s, r.PageSize)), emit)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

func (r *Reader) log(msg string, args ...any) {
	if r.Log != nil {
		r.Log(msg, args...)
	}
}
