package extract

import (
	"context"
	"errors"
	"net/http"
	"time"

	"convsync/internal/polyai"
)

const (
	// clockSlack is how much the first request starts before the planned span,
	// in case the local clock is slightly ahead.
	clockSlack = Second(60)
	// aheadOfClock is how much it ends after the local time, in case the local
	// clock is behind or in another time zone.
	aheadOfClock = Second(25 * 60 * 60)
)

// TryResult is the result of an attempt to read a span without cutting it.
type TryResult struct {
	Whole   bool    // all of it was read
	Density float64 // conversations per second; 0: unknown
	Over    Second  // length of the time range that Density was measured over
}

// Widen returns the span that the first request of a run asks for in order to
// read a span that was planned with the local clock. It does not extend the
// request to before start.
func Widen(planned Span, local, start Second) Span {
	if planned.Empty() {
		return planned
	}
	ask := Span{min(planned.From, max(planned.From-clockSlack, start)), planned.Until}
	if ask.Until >= local {
		ask.Until = local + aheadOfClock
	}
	return ask
}

// FirstPage is the response to the first request of a feed. Its conversations are
// not read yet, so that a run can plan with the server time of the response, and
// then read them without another request. It occupies a request permit until
// it is read or closed.
type FirstPage struct {
	Moment

	walk *walk // nil: there is nothing to read
}

// Open requests the first page of the span ask, and returns when its response
// arrives. local is the local time. For an empty span, and if the source fails to
// return the page of the span, Open sends the smallest possible request instead,
// and there is nothing to read.
//
// ctx must not end before the page is read or closed.
func (r *Reader) Open(ctx context.Context, ask Span, local time.Time) (*FirstPage, error) {
	if !ask.Empty() {
		span := Span{ask.From, min(ask.Until, max(SecondOf(local), ask.From+1))}
		w := &walk{Reader: r.forSlice(), span: span, ask: ask, minPages: 1}
		w.first = w.newRequest(w.query())
		switch err := w.first.open(ctx); {
		case err == nil:
			return &FirstPage{w.first.moment(local), w}, nil
		case !concernsRequest(err):
			return nil, err
		default:
			w.fail(err)
		}
	}
	now, err := r.Now(ctx, local)
	if err != nil {
		return nil, err
	}
	return &FirstPage{Moment: now}, nil
}

// Try reads the span of the page, starting with the page. As with [Reader.Try],
// the span may be read incompletely. Try must be called at most once.
func (p *FirstPage) Try(ctx context.Context, emit Emit) (TryResult, error) {
	if p.walk == nil {
		return TryResult{}, nil
	}
	p.walk.emit = emit
	return p.walk.try(ctx)
}

// Close ends the request if the page was not read. It may be called again.
func (p *FirstPage) Close() {
	if p.walk != nil && p.walk.first != nil {
		p.walk.first.close()
	}
}

// Try reads a span without cutting it, one page after another. It stops if the
// span is too dense for that, or if the source fails; what was emitted is then
// incomplete, and Whole is false.
func (r *Reader) Try(ctx context.Context, span Span, emit Emit) (TryResult, error) {
	w := &walk{
		Reader:   r.forSlice(),
		span:     span,
		ask:      span,
		minPages: 1,
		emit:     emit,
	}
	return w.try(ctx)
}

func (w *walk) try(ctx context.Context) (TryResult, error) {
	err := w.readSlice(ctx, w)
	if dense := (*denseError)(nil); errors.As(err, &dense) {
		if dense.seen.first == 0 {
			return TryResult{}, nil
		}
		return TryResult{Density: dense.seen.density(), Over: dense.seen.seconds()}, nil
	}
	if err != nil && concernsRequest(err) { // the range may have been too large
		w.fail(err)
		return TryResult{}, nil
	}
	if err != nil {
		return TryResult{}, err
	}
	return TryResult{true, float64(w.seen.conversations) / float64(w.span.Seconds()), w.span.Seconds()}, nil
}

// fail records that the span of the walk could not be read without cutting it.
func (w *walk) fail(err error) {
	w.log("reading in smaller parts", "slice", w.span.String(), "because", err.Error())
	w.Isolation.noteTried(w.span)
}

// Suits reports whether [Reader.Try] is worthwhile for a span, given the density
// of the spans read before; 0 if it is unknown.
func (r *Reader) Suits(span Span, density float64) bool {
	return density*float64(span.Seconds()) <= float64(maxPages*r.pageSize())
}

// concernsRequest reports whether an error is caused by what was requested, and
// not by the key, the project, the host or this process.
func concernsRequest(err error) bool {
	var api *polyai.APIError
	switch {
	case errors.Is(err, errAskLater) || polyai.IsAuth(err):
		return false
	case errors.As(err, &api):
		return api.Status != http.StatusNotFound
	}
	return polyai.IsTemporary(err) || isPaging(err)
}

// Now returns server time. It sends the smallest possible request, which also
// checks that the feed can be read. local is returned if the source does not
// report its time.
func (r *Reader) Now(ctx context.Context, local time.Time) (Moment, error) {
	q := r.newRequest(polyai.ListQuery{
		AccountID:   r.AccountID,
		ProjectID:   r.ProjectID,
		Environment: r.Environment,
		Start:       local.Add(-time.Second),
		End:         local,
		Limit:       1,
	})
	if err := q.open(ctx); err != nil {
		return Moment{}, err
	}
	now := q.moment(local)
	_, err := q.read(ctx, func(context.Context, *Chunk) error { return nil })
	return now, err
}

// moment returns when the response was made. local replaces server time if the
// response has none.
func (q *request) moment(local time.Time) Moment {
	m := Moment{Source: q.response.page.ServerTime(), Sent: q.response.sent}
	if m.Source.IsZero() {
		m.Source = local
	}
	return m
}
