package extract

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"convsync/internal/polyai"
)

const (
	mostHoles     = 100 // of a feed: a source with more of them has another problem
	mostNewHoles  = 5   // of a feed in one run
	mostAsked     = 120 // requests of all isolations of a feed in one run, about
	failsInRow    = 4   // of a search, after which it checks that anything is answered at all
	confirmations = 2   // of a second that fails, before it is a hole
	mostSingles   = 12  // pages that a second is read by
)

// isolate reads what it can of a slice that failed, and returns what could not
// be read: holes, and parts that are still to be read by another run.
func (r *Reader) isolate(ctx context.Context, e *SpanError, emit Emit) (failed []*SpanError, err error) {
	i := r.Isolation
	if i == nil || !isIsolatable(e.Err) {
		return []*SpanError{e}, nil
	}
	defer Caught(&err)
	i.running.Lock()
	defer i.running.Unlock()
	if err := r.Walks.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer r.Walks.Release(1)
	s := &search{Reader: r.once(e.Err), cause: e, emit: emit}
	return s.do(ctx)
}

// once is the reader with one attempt at what fails as it did before. What
// fails otherwise has nothing to do with what is searched for, and is asked for
// again as usual.
func (r *Reader) once(cause error) *Reader {
	one := *r
	one.slice = &pageCount{}
	one.givesUp = func(_ int, err error) bool { return isIsolatable(err) && statusOf(err) == statusOf(cause) }
	return &one
}

// isIsolatable reports whether an error may be the fault of one conversation:
// the source fails to render it, or renders what is no JSON.
func isIsolatable(err error) bool {
	return ofThisRequest(err) && polyai.IsTemporary(err) && !polyai.IsRateLimited(err)
}

// statusOf is the HTTP status of an error; 0: there was no whole answer.
func statusOf(err error) int {
	if api := (*polyai.APIError)(nil); errors.As(err, &api) {
		return api.Status
	}
	return 0
}

// errNotIsolated ends a search that found no hole: the fault is not that of
// single conversations.
var errNotIsolated = errors.New("not isolated")

// search isolates what makes a slice fail, by halving its time range.
type search struct {
	*Reader
	cause *SpanError
	emit  Emit
	todo  []Span // to be read, in order
	done  []Span // read
	last  error  // of what failed last
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
		s.log("a part that fails could not be isolated", "slice", s.cause.Span.String(), "because", err.Error())
	}
	return s.failed(), nil
}

// next takes the next span that is to be read. Holes may have been found in it
// since it was put there.
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

// failed is what could not be read of the slice.
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

// begin checks that the source answers anything of the feed: an outage must not
// be taken for a hole in everything.
func (s *search) begin(ctx context.Context) error {
	if !s.Isolation.isOn() {
		return errNotIsolated
	}
	s.log("isolating what the source cannot answer", "slice", s.cause.Span.String(), "because", s.cause.Err.Error())
	const away = 60 * 60
	near := Span{s.cause.From - away, s.cause.From - away + 1}
	for s.Isolation.has(near) {
		near = Span{near.From - 1, near.From}
	}
	return s.control(ctx, near)
}

// control asks for a span that should be answered.
func (s *search) control(ctx context.Context, span Span) error {
	switch got, err := s.ask(ctx, span, nil); {
	case err != nil:
		return err
	case got == fails:
		return fmt.Errorf("%w: the source does not answer for %s either: %w", errNotIsolated, span, s.last)
	}
	return nil
}

// answer is how the source answered for a span.
type answer uint8

const (
	whole answer = iota
	dense        // it has many pages; its parts are put into todo
	fails
)

// ask reads a span with nothing beyond its ends. end is another end of the
// request; nil: the span's.
func (s *search) ask(ctx context.Context, span Span, end *time.Time) (answer, error) {
	if !s.Isolation.take() {
		return fails, fmt.Errorf("%w: it took too many requests", errNotIsolated)
	}
	w := &walk{Reader: s.Reader, span: span, ask: span, tight: true, until: end, patience: unhurried, emit: s.emit}
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
	case ofThisRequest(err) && ctx.Err() == nil:
		return fails, fmt.Errorf("%w: %w", errNotIsolated, err)
	}
	return fails, err
}

// read reads a span. Where it fails, it is halved down to a second: where the
// first half is answered, the fault lies in the second.
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

// later puts a span at the end of what is to be read, behind the parts of a
// dense one.
func (s *search) later(span Span) {
	if !span.Empty() {
		s.todo = append(s.todo, span)
	}
}

// second makes a second that fails a hole, unless it can be read after all.
func (s *search) second(ctx context.Context, at Span) error {
	for range confirmations {
		if err := sleep(ctx, cmp.Or(s.Backoff, time.Second)); err != nil {
			return err
		}
		if got, err := s.ask(ctx, at, nil); err != nil || got == whole {
			s.note(got, at)
			return err
		}
	}
	// A source whose ends are inclusive answers a conversation that begins with
	// the next second, too: that one may be what fails.
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

// singles reads the conversations of a second in pages as small as it takes. It
// reports whether that were all.
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
		case !ofThisRequest(err) || ctx.Err() != nil:
			return false, err
		case q.Limit > 1:
			q.Limit = 1
		default:
			s.last = err
			q.Offset++ // goes on behind the one that fails
			missed++
			if inRow++; inRow == 2 {
				return false, nil
			}
		}
	}
	return false, nil
}

// hole records a hole, if the source answers on both sides of it.
func (s *search) hole(ctx context.Context, at Span) error {
	cause := s.last
	if !s.Isolation.suppose(at.From) {
		return fmt.Errorf("%w: there are too many seconds that cannot be read", errNotIsolated)
	}
	for _, side := range []Second{-1, 1} {
		if err := s.beside(ctx, at.From, side); err != nil {
			s.Isolation.takeBack(at.From)
			return err
		}
	}
	s.Isolation.add(Hole{At: at.From, Err: cause})
	s.log("the source cannot answer for one second: it is set aside, and asked for again later",
		"second", at.From.Time().Format(time.RFC3339), "because", cause.Error())
	return nil
}

// beside checks that the source answers on one side of a hole. What lies next
// to it may be a hole, too.
func (s *search) beside(ctx context.Context, at, side Second) (err error) {
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
