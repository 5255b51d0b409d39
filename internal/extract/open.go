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

// Open starts reading a feed with the span ask, and takes server time from the
// first response. It calls began with that time before anything is emitted;
// began returns the function that receives the conversations. local is used if
// the source does not report its time. For an empty span, the smallest possible
// request is sent.
//
// As with [Reader.Try], the span may be read incompletely.
func (r *Reader) Open(ctx context.Context, ask Span, local time.Time, began func(now time.Time) Emit) (TryResult, error) {
	var emit Emit
	probe := *r
	probe.Source = &clock{Source: r.Source, onTime: func(now time.Time) {
		if emit == nil {
			emit = began(orLocal(now, local))
		}
	}}
	if ask.Empty() {
		return TryResult{Whole: true}, probe.ping(ctx, local)
	}
	result, err := probe.Try(ctx, Span{ask.From, min(ask.Until, max(SecondOf(local), ask.From+1))}, ask,
		func(ctx context.Context, c *Chunk) error { return emit(ctx, c) })
	if err == nil && emit == nil { // there was no response yet
		err = probe.ping(ctx, local)
	}
	return result, err
}

// Try reads a span without cutting it, one page after another. It stops if the
// span is too dense for that, or if the source fails; what was emitted is then
// incomplete, and Whole is false.
func (r *Reader) Try(ctx context.Context, span, ask Span, emit Emit) (TryResult, error) {
	w := &walk{Reader: r.forSlice(), span: span, ask: ask, minPages: 1, emit: emit}
	err := r.readSlice(ctx, w)
	if dense := (*denseError)(nil); errors.As(err, &dense) {
		if dense.seen.first == 0 {
			return TryResult{}, nil
		}
		return TryResult{Density: dense.seen.density(), Over: dense.seen.seconds()}, nil
	}
	if err != nil && concernsRequest(err) { // the range may have been too large
		r.log("reading in smaller parts", "slice", span.String(), "because", err.Error())
		r.Isolation.noteTried(span)
		return TryResult{}, nil
	}
	if err != nil {
		return TryResult{}, err
	}
	return TryResult{true, float64(w.seen.conversations) / float64(span.Seconds()), span.Seconds()}, nil
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
func (r *Reader) Now(ctx context.Context, local time.Time) (time.Time, error) {
	var now time.Time
	_, err := r.Open(ctx, Span{}, local, func(t time.Time) Emit {
		now = t
		return nil
	})
	return now, err
}

// ping sends the smallest possible request.
func (r *Reader) ping(ctx context.Context, local time.Time) error {
	_, err := r.page(ctx, polyai.ListQuery{
		AccountID: r.AccountID, ProjectID: r.ProjectID, Environment: r.Environment,
		Start: local.Add(-time.Second), End: local, Limit: 1,
	}, func(context.Context, *Chunk) error { return nil })
	return err
}

// clock is a source that passes the server time of each response to onTime.
type clock struct {
	Source
	onTime func(time.Time)
}

func (c *clock) List(ctx context.Context, q polyai.ListQuery) (*polyai.Page, error) {
	page, err := c.Source.List(ctx, q)
	if err == nil {
		c.onTime(page.ServerTime())
	}
	return page, err
}

func orLocal(now, local time.Time) time.Time {
	if now.IsZero() {
		return local
	}
	return now
}
