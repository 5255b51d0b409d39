package extract

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"convsync/internal/panics"
	"convsync/internal/ratelimit"
)

// Reader reads spans of one feed.
type Reader struct {
	Source      Source
	AccountID   string
	ProjectID   string
	Environment string
	PageSize    int // conversations, 1 to 1000

	Session *Session            // shared by the readers of one key
	Slots   ratelimit.Permits   // shared by all readers: permits for requests in flight, until their responses are read
	Walks   *semaphore.Weighted // per feed: slices in progress, including those that wait
	Stats   *Stats              // shared by all readers

	// Isolation holds the holes of this feed, and searches slices that fail for
	// new ones; nil: slices that fail are not searched.
	Isolation *Isolation
	// IsKnown reports whether an earlier run stored a broken conversation with
	// this digest. Such a conversation is not requested again to confirm it. nil:
	// none is known.
	IsKnown func(ctx context.Context, digest string) (bool, error)

	givesUp func(attempt int, err error) bool // whether a page fails before maxAttempts; nil: never
	enough  func() bool                       // whether no further day is to be read: see [Reader.Until]; nil: never

	// Backoff is the mean wait before the first retry; it grows exponentially,
	// with jitter. 0: 1 s.
	Backoff time.Duration
	// Clock returns the local time; nil: [time.Now].
	Clock func() time.Time
	// Log logs retries and failures; nil: nothing is logged.
	Log func(msg string, args ...any)

	slice *pageCount // pages of the current slice; nil before it begins
}

// forSlice returns the reader for one slice and for those that it is cut into.
func (r *Reader) forSlice() *Reader {
	if r.slice != nil {
		return r
	}
	one := *r
	one.slice = &pageCount{}
	return &one
}

// pageSize returns how many conversations a full page of the source has.
func (r *Reader) pageSize() int { return r.Session.account(r.ProjectID).pageSize(r.PageSize) }

// Until returns a reader whose [Reader.ReadParts] begins no further UTC day once
// enough reports true. The days that it does not read are among the failed parts:
// see [SpanError.IsLeft]. At least the newest part of the slices is read, so that
// reading what is left again and again comes to an end.
func (r *Reader) Until(enough func() bool) *Reader {
	one := *r
	one.enough = enough
	return &one
}

// errLeft marks a part that was not requested: see [Reader.Until].
var errLeft = errors.New("enough was read")

// IsLeft reports whether the part was not requested, because enough was read.
func (e *SpanError) IsLeft() bool { return errors.Is(e.Err, errLeft) }

// Emit receives the conversations that were read, chunk by chunk.
type Emit = func(context.Context, *Chunk) error

// SpanError is a part of a span that could not be read, with the reason.
type SpanError struct {
	Span
	Err  error
	Hole bool // it is a hole: it is recorded, and excluded from further reading
}

func (e *SpanError) Error() string { return e.Span.String() + ": " + e.Err.Error() }
func (e *SpanError) Unwrap() error { return e.Err }

// ReadSpan reads slices in parallel and emits what the source returns, from
// several goroutines. An emitted conversation may lie outside of the slices, and
// may be emitted twice. The first error ends the reading, and what was emitted is
// then incomplete.
func (r *Reader) ReadSpan(ctx context.Context, slices []Span, emit Emit) error {
	return r.readSlices(ctx, slices, emit, nil, func(_ context.Context, e *SpanError) error { return e })
}

// ReadParts reads slices like [Reader.ReadSpan], but a slice that fails does not
// end the others: it is searched for holes (see [Isolation]), and the parts that
// could not be read are returned in failed. Errors that concern the whole feed,
// such as a refused key, and errors of this process end the reading; then nothing
// counts as read. underWay is called when the last slice has started, which means
// that Reader.Walks has room for other work of the feed.
func (r *Reader) ReadParts(ctx context.Context, slices []Span, emit Emit, underWay func()) (failed []*SpanError, err error) {
	var mu sync.Mutex
	err = r.readSlices(ctx, slices, emit, underWay, func(ctx context.Context, e *SpanError) error {
		if e.IsLeft() {
			mu.Lock()
			defer mu.Unlock()
			failed = append(failed, e)
			return nil
		}
		if !concernsRequest(e.Err) {
			return e
		}
		if ctx.Err() != nil {
			return ctx.Err() // the run stopped the request, it did not fail
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

// Whole returns the parts of the slices that were read to the end: ordered, and
// with adjacent parts merged.
func Whole(slices []Span, failed []*SpanError) []Span {
	holes := make([]Span, len(failed))
	for i, f := range failed {
		holes[i] = f.Span
	}
	return Without(slices, holes)
}

// onFailure handles a slice that failed; ctx is that of its reading. An error
// that it returns ends the reading of all slices.
type onFailure = func(ctx context.Context, e *SpanError) error

// readSlices reads the slices spans in parallel, newest first. If fn returns an error,
// it stops all and returns that error. underWay, if not nil, is called when all have started.
func (r *Reader) readSlices(ctx context.Context, spans []Span, emit Emit, underWay func(), fn onFailure) error {
	// No errgroup.WithContext: its cancellation would have the error of one slice
	// as the cause, and the errors of the other slices would report it.
	groupCtx, stop := context.WithCancel(ctx)
	defer stop()
	var first error
	var once sync.Once
	fail := func(err error) {
		if err != nil {
			once.Do(func() {
				first = err
				stop()
			})
		}
	}
	var reading sync.WaitGroup
	begun := Second(math.MaxInt64) // the start of the oldest day of which a part is read
	for i, s := range slices.Backward(spans) {
		if r.Walks.Acquire(groupCtx, 1) != nil {
			break // the reading is being stopped
		}
		if i < len(spans)-1 && r.enough != nil && r.enough() {
			var left Span
			if left, s = s.splitAt(begun); !left.Empty() {
				fail(fn(groupCtx, &SpanError{Span: left, Err: errLeft}))
			}
			if s.Empty() {
				r.Walks.Release(1)
				continue
			}
		}
		begun = min(begun, s.From.StartOfDay())
		reading.Go(func() { fail(r.readOne(groupCtx, s, emit, fn)) })
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

// readOne reads a slice, and releases its permit in Walks. A dense slice is cut
// and its parts are read instead.
func (r *Reader) readOne(ctx context.Context, s Span, emit Emit, fn onFailure) error {
	r = r.withFewerAttempts(s).forSlice()
	err := r.readWalk(ctx, &walk{
		Reader:   r,
		span:     s,
		ask:      s,
		minPages: defaultMinPages,
		emit:     emit,
	})
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
	defer panics.Recover(&err)
	return r.readSlice(ctx, w)
}

func (r *Reader) now() time.Time {
	if r.Clock != nil {
		return r.Clock()
	}
	return time.Now()
}

func (r *Reader) log(msg string, args ...any) {
	if r.Log != nil {
		r.Log(msg, args...)
	}
}
