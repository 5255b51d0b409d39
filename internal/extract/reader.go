package extract

import (
	"context"
	"errors"
	"sync"
	"time"

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
	Slots  *semaphore.Weighted // shared by all readers: requests whose answers are awaited or read at once
	Walks  *semaphore.Weighted // of this feed: slices that are begun and not ended, though they may all wait
	Stats  *Stats              // shared by all readers

	// Isolation is what the source cannot answer of this feed, known before and
	// found by this reader; nil: a slice that fails is not isolated.
	Isolation *Isolation
	// IsKnown reports whether an earlier run stored a broken conversation with
	// this digest: it is then not asked for once more. nil: none is known.
	IsKnown func(ctx context.Context, digest string) (bool, error)

	givesUp func(attempt int, err error) bool // of a page, before maxAttempts; nil: no

	// Backoff is the wait before the first retry; it doubles with each
	// further one, with jitter. 1 s unless set.
	Backoff time.Duration
	// Log is told of each retry, for people; nil is silent.
	Log func(msg string, args ...any)

	slice *pageCount // of the slice that is read; nil before it begins
}

// forSlice is the reader for one slice and for those that it is cut into.
func (r *Reader) forSlice() *Reader {
	if r.slice != nil {
		return r
	}
	one := *r
	one.slice = &pageCount{}
	return &one
}

// pageSize is how many conversations a page of the source has when it is full.
func (r *Reader) pageSize() int { return r.Budget.account(r.ProjectID).pageSize(r.PageSize) }

// Emit takes what was read, chunk by chunk.
type Emit = func(context.Context, *Chunk) error

// SpanError is a part of a span that could not be read, and why.
type SpanError struct {
	Span
	Err  error
	Hole bool // it was isolated: it is recorded, and not read with the rest
}

func (e *SpanError) Error() string { return e.Span.String() + ": " + e.Err.Error() }
func (e *SpanError) Unwrap() error { return e.Err }

// ReadSpan reads the span whole, cut into slices that are read in parallel, and
// hands over what was answered, chunk by chunk, from several goroutines. An
// emitted conversation may lie outside of the span and may come twice. After
// an error, which is the first that there is, some may be missing.
func (r *Reader) ReadSpan(ctx context.Context, slices []Span, emit Emit) error {
	return r.readSlices(ctx, slices, emit, nil, func(_ context.Context, e *SpanError) error { return e })
}

// ReadParts reads slices as [Reader.ReadSpan] does, but what fails for good
// fails its part only: the others are read to their ends. What fails the feed,
// such as a key that is refused, or our own side, is an error at once; then
// nothing counts as read. A part that the source cannot answer is isolated: see
// [Isolation]. Once the last of the slices is under way, underWay is
// called: there is room among the walks of the feed for something else
// beside them.
func (r *Reader) ReadParts(ctx context.Context, slices []Span, emit Emit, underWay func()) (failed []*SpanError, err error) {
	var mu sync.Mutex
	err = r.readSlices(ctx, slices, emit, underWay, func(ctx context.Context, e *SpanError) error {
		if !ofThisRequest(e.Err) {
			return e
		}
		if ctx.Err() != nil {
			return ctx.Err() // it was cut off by us, and did not fail
		}
		rest, err := r.isolate(ctx, e, emit)
		if err != nil {
			return err
		}
		for _, part := range rest {
			if !part.Hole {
				r.log("a part of the history could not be read", "slice", part.Span.String(), "because", part.Err.Error())
			}
		}
		mu.Lock()
		defer mu.Unlock()
		failed = append(failed, rest...)
		return nil
	})
	return failed, err
}

// Whole is what of the slices was read to the end, where parts failed: ordered,
// what touches made one.
func Whole(slices []Span, failed []*SpanError) []Span {
	holes := make([]Span, len(failed))
	for i, f := range failed {
		holes[i] = f.Span
	}
	return Without(slices, holes)
}

// onFailure tells what the failure of a slice means; ctx is that of its reading.
type onFailure = func(ctx context.Context, e *SpanError) error

// readSlices reads slices in parallel; what fn returns of a failure ends it all.
// underWay is called when all have begun, unless it is nil.
func (r *Reader) readSlices(ctx context.Context, slices []Span, emit Emit, underWay func(), fn onFailure) error {
	// No errgroup.WithContext: it would make the failure of one slice the cause
	// of the end of the others, whose errors would then look like it.
	groupCtx, stop := context.WithCancel(ctx)
	defer stop()
	var first error
	var once sync.Once
	var reading sync.WaitGroup
	for _, s := range slices {
		if r.Walks.Acquire(groupCtx, 1) != nil {
			break // all ends
		}
		reading.Go(func() {
			if err := r.readOne(groupCtx, s, emit, fn); err != nil {
				once.Do(func() {
					first = err
					stop()
				})
			}
		})
	}
	if underWay != nil {
		underWay()
	}
	reading.Wait()
	if first != nil {
		return first
	}
	return ctx.Err()
}

// readOne walks a slice that is counted among the walks, and counts it out;
// where the slice is dense, it is read by parts.
func (r *Reader) readOne(ctx context.Context, s Span, emit Emit, fn onFailure) error {
	r = r.hurried(s).forSlice()
	err := r.readWalk(ctx, &walk{Reader: r, span: s, ask: s, patience: unhurried, emit: emit})
	var dense *denseError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &dense):
		return r.readSlices(ctx, s.cut(dense.parts(s, r.pageSize())), emit, nil, fn)
	}
	return fn(ctx, &SpanError{Span: s, Err: err})
}

func (r *Reader) readWalk(ctx context.Context, w *walk) (err error) {
	defer r.Walks.Release(1)
	defer Caught(&err)
	return r.readSlice(ctx, w)
}

func (r *Reader) log(msg string, args ...any) {
	if r.Log != nil {
		r.Log(msg, args...)
	}
}
