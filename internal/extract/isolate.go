package extract

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"convsync/internal/panics"
	"convsync/internal/polyai"
	"convsync/internal/ratelimit"
)

const (
	mostHoles     = 100 // per feed: a source with more of them has another problem
	mostNewHoles  = 5   // per feed and run
	mostAsked     = 120 // requests of all searches per feed and run, approximately
	failsInRow    = 4   // consecutive failures after which a search checks that the source returns anything
	confirmations = 2   // repeated failures of a second before it is a hole
	mostSingles   = 12  // pages by which one second is read
)

// isolate reads as much as possible of a slice that failed. It returns the parts
// that could not be read: holes, and parts that a later run has to read.
func (r *Reader) isolate(ctx context.Context, e *SpanError, emit Emit) (failed []*SpanError, err error) {
	i := r.Isolation
	if i == nil || !isIsolatable(e.Err) {
		return []*SpanError{e}, nil
	}
	defer panics.Recover(&err)
	i.running.Lock()
	defer i.running.Unlock()
	if err := r.Walks.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer r.Walks.Release(1)
	s := &search{Reader: r.once(e.Err), cause: e, emit: emit}
	return s.do(ctx)
}

// once returns a reader that does not retry a request that fails with the status
// of cause. Other errors are unrelated to the search and are retried as usual.
func (r *Reader) once(cause error) *Reader {
	one := *r
	one.slice = &pageCount{}
	one.givesUp = func(_ int, err error) bool { return isIsolatable(err) && statusOf(err) == statusOf(cause) }
	return &one
}

// isIsolatable reports whether one conversation may be the cause of an error: the
// source fails to render it, or returns invalid JSON.
func isIsolatable(err error) bool {
	return concernsRequest(err) && polyai.IsTemporary(err) && !polyai.IsRateLimited(err)
}

// statusOf returns the HTTP status of an error; 0 if there was no complete
// response.
func statusOf(err error) int {
	if api := (*polyai.APIError)(nil); errors.As(err, &api) {
		return api.Status
	}
	return 0
}

// errNotIsolated ends a search that found no hole: the cause is not a single
// conversation.
var errNotIsolated = errors.New("not isolated")

// search finds the seconds that make a slice fail, by bisecting its time range.
type search struct {
	*Reader
	cause *SpanError
	emit  Emit
	todo  []Span // to be read, in order
	done  []Span // read
	last  error  // last failure
}

func (s *search) do(ctx context.Context) ([]*SpanError, error) {
	s.last = s.cause.Err
	s.todo = []Span{s.cause.Span}
	err := s.begin(ctx)
	for err == nil {
		next, more := s.next()
		if !more {
			break
		}
		err = s.read(ctx, next)
	}
	if err != nil && !errors.Is(err, errNotIsolated) {
		return nil, err
	}
	if err != nil {
		s.Isolation.stop()
		s.log("no hole found in a failed slice; the next run reads it again", "slice", s.cause.Span.String(), "because", err.Error())
	}
	return s.failed(), nil
}

// next removes the next span from todo, without the holes found in it since it
// was added.
func (s *search) next() (next Span, more bool) {
	holes := s.Isolation.Holes()
	for len(s.todo) > 0 {
		parts := subtract(s.todo[0], holes)
		s.todo = append(parts, s.todo[1:]...)
		if len(parts) > 0 {
			next, s.todo = s.todo[0], s.todo[1:]
			return next, true
		}
	}
	return Span{}, false
}

// failed returns the parts of the slice that could not be read.
func (s *search) failed() (failed []*SpanError) {
	var holes []Span
	for _, h := range s.Isolation.Holes() {
		if h = h.Intersect(s.cause.Span); !h.Empty() {
			holes = append(holes, h)
			failed = append(failed, &SpanError{Span: h, Err: s.cause.Err, Hole: true})
		}
	}
	for _, rest := range Without([]Span{s.cause.Span}, append(holes, s.done...)) {
		failed = append(failed, &SpanError{Span: rest, Err: s.cause.Err})
	}
	return failed
}

// begin checks that the source returns anything of the feed, so that an outage
// is not treated as holes.
func (s *search) begin(ctx context.Context) error {
	if !s.Isolation.isOn() {
		return errNotIsolated
	}
	s.log("searching a failed slice for seconds that the source fails to return", "slice", s.cause.Span.String(), "because", s.cause.Err.Error())
	const away = 60 * 60
	near := Span{s.cause.From - away, s.cause.From - away + 1}
	for s.Isolation.has(near) {
		near = Span{near.From - 1, near.From}
	}
	return s.control(ctx, near)
}

// control requests a span that the source should be able to return.
func (s *search) control(ctx context.Context, span Span) error {
	switch got, err := s.ask(ctx, span, nil); {
	case err != nil:
		return err
	case got == fails:
		return fmt.Errorf("%w: the source does not return %s either: %w", errNotIsolated, span, s.last)
	}
	return nil
}

// answer is the result of requesting a span.
type answer uint8

const (
	whole answer = iota
	dense        // it has many pages; its parts were added to todo
	fails
)

// ask reads a span and nothing outside it. end replaces the end of the request
// unless it is nil.
func (s *search) ask(ctx context.Context, span Span, end *time.Time) (answer, error) {
	if !s.Isolation.take() {
		return fails, fmt.Errorf("%w: it took too many requests", errNotIsolated)
	}
	w := &walk{
		Reader:   s.Reader,
		span:     span,
		ask:      span,
		tight:    true,
		until:    end,
		minPages: defaultMinPages,
		emit:     s.emit,
	}
	err := s.readSlice(ctx, w)
	var many *denseError
	switch {
	case err == nil:
		return whole, nil
	case errors.As(err, &many):
		s.todo = append(span.cut(many.parts(span, s.pageSize())), s.todo...)
		return dense, nil
	case isIsolatable(err) && ctx.Err() == nil:
		s.last = err
		return fails, nil
	case concernsRequest(err) && ctx.Err() == nil:
		return fails, fmt.Errorf("%w: %w", errNotIsolated, err)
	}
	return fails, err
}

// read reads a span. If that fails, it bisects the span down to one second: if
// the first half can be read, the cause lies in the other half.
func (s *search) read(ctx context.Context, all Span) error {
	got, err := s.ask(ctx, all, nil)
	if err != nil || got != fails {
		s.note(got, all)
		return err
	}
	span := all
	for inRow := 1; span.Seconds() > 1; {
		halves := span.cut(2)
		got, err := s.ask(ctx, halves[0], nil)
		if err != nil {
			return err
		}
		s.note(got, halves[0])
		switch got {
		case dense:
			s.later(Span{halves[1].From, all.Until})
			return nil
		case whole:
			span, inRow = halves[1], 0
			continue
		}
		span = halves[0]
		if inRow++; inRow == failsInRow {
			if err := s.control(ctx, Span{all.Until - 1, all.Until}); err != nil {
				return err
			}
		}
	}
	s.later(Span{span.Until, all.Until})
	return s.second(ctx, span)
}

func (s *search) note(got answer, span Span) {
	if got == whole {
		s.done = append(s.done, span)
	}
}

// later appends a span to todo, after the parts of a dense one.
func (s *search) later(span Span) {
	if !span.Empty() {
		s.todo = append(s.todo, span)
	}
}

// second records a second that failed as a hole, unless it can be read after all.
func (s *search) second(ctx context.Context, at Span) error {
	for range confirmations {
		if err := ratelimit.Sleep(ctx, cmp.Or(s.Backoff, time.Second)); err != nil {
			return err
		}
		if got, err := s.ask(ctx, at, nil); err != nil || got == whole {
			s.note(got, at)
			return err
		}
	}
	// If the source treats the end as inclusive, it also returns a conversation
	// that starts exactly with the next second. That one may be the cause.
	before := lastMoment(at.Until)
	got, err := s.ask(ctx, at, &before)
	if err != nil {
		return err
	}
	if got == whole {
		next := Span{at.Until, at.Until + 1}
		if got, err = s.ask(ctx, next, nil); err != nil {
			return err
		}
		if got == fails {
			s.note(whole, at)
			at = next
		}
	}
	read, err := s.singles(ctx, at)
	if err != nil {
		return err
	}
	if read {
		s.note(whole, at)
		return nil
	}
	return s.hole(ctx, at)
}

// singles reads the conversations of a second in pages that are as small as
// necessary. It reports whether all of them were read.
func (s *search) singles(ctx context.Context, at Span) (all bool, err error) {
	w := &walk{Reader: s.Reader, span: at, ask: at, tight: true}
	q := w.query()
	q.Limit = 1
	missed, inRow := 0, 0
	for range mostSingles {
		got, err := s.page(ctx, q, s.emit)
		switch {
		case err == nil && (len(got.keys) == 0 || !got.link.Named() && !got.link.MayBeOmitted):
			return missed == 0, nil
		case err == nil:
			q.Offset, inRow = q.Offset+int64(len(got.keys)), 0
			q.Limit = min(2*q.Limit, s.PageSize)
		case !concernsRequest(err) || ctx.Err() != nil:
			return false, err
		case q.Limit > 1:
			q.Limit = 1
		default:
			s.last = err
			q.Offset++ // skips the one that fails
			missed++
			if inRow++; inRow == 2 {
				return false, nil
			}
		}
	}
	return false, nil
}

// hole records a hole if the source returns the seconds on both sides of it.
func (s *search) hole(ctx context.Context, at Span) error {
	cause := s.last
	if !s.Isolation.suppose(at.From) {
		return fmt.Errorf("%w: there are too many seconds that cannot be read", errNotIsolated)
	}
	for _, side := range []Second{-1, 1} {
		if err := s.checkSide(ctx, at.From, side); err != nil {
			s.Isolation.takeBack(at.From)
			return err
		}
	}
	s.Isolation.add(Hole{At: at.From, Err: cause})
	s.log("the source fails to return one second: recording it as a hole, to be requested again later",
		"second", at.From.Time().Format(time.RFC3339), "because", cause.Error())
	return nil
}

// checkSide checks that the source returns a second on one side of a hole. The
// adjacent second may itself be a hole, so it tries distances of 1, 2 and 4.
func (s *search) checkSide(ctx context.Context, at, side Second) (err error) {
	for _, distance := range []Second{1, 2, 4} {
		near := Span{at + side*distance, at + side*distance + 1}
		if s.Isolation.has(near) {
			continue
		}
		if err = s.control(ctx, near); err == nil || !errors.Is(err, errNotIsolated) {
			return err
		}
	}
	return cmp.Or[error](err, errNotIsolated)
}
