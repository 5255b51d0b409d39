package extract

import (
	"context"
	"errors"
	"net/http"
	"time"

	"convsync/internal/polyai"
)

const (
	// clockSlack is how much earlier than planned the first request asks, so
	// that a plan made by a clock a little fast is still asked for whole.
	clockSlack = Second(60)
	// aheadOfClock is how much later it asks, so that a clock that is slow, or
	// in another time zone, loses nothing.
	aheadOfClock = Second(25 * 60 * 60)
)

// Shown is what a try to read a span whole showed of it.
type Shown struct {
	Whole   bool    // all of it was read
	Density float64 // conversations a second; 0: not known
	Over    Second  // how long a time this was seen over
}

// Widen is what the first request of a run asks for to read a span that was
// planned by our own clock; nothing before the history's start is asked for
// that was not planned.
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

// Open begins the reading of a feed with a span, asked for as it stands, and
// learns from the first answer what the source's time is: began is called with
// it before anything is emitted, and says whom to hand it to. local is our own
// clock's time, for a source that does not tell. An empty span asks for the
// least there is.
//
// As by [Reader.Try], the span may not be read whole.
func (r *Reader) Open(ctx context.Context, ask Span, local time.Time, began func(now time.Time) Emit) (Shown, error) {
	var emit Emit
	probe := *r
	probe.Source = &clock{Source: r.Source, told: func(now time.Time) {
		if emit == nil {
			emit = began(orLocal(now, local))
		}
	}}
	if ask.Empty() {
		return Shown{Whole: true}, probe.ping(ctx, local)
	}
	shown, err := probe.Try(ctx, Span{ask.From, min(ask.Until, max(SecondOf(local), ask.From+1))}, ask,
		func(ctx context.Context, c *Chunk) error { return emit(ctx, c) })
	if err == nil && emit == nil { // nothing was answered yet
		err = probe.ping(ctx, local)
	}
	return shown, err
}

// Try reads a span whole, one page after another, but stops when these show
// that the span is too dense to be read so, or when the source fails. What was
// emitted then is not all.
func (r *Reader) Try(ctx context.Context, span, ask Span, emit Emit) (Shown, error) {
	w := &walk{Reader: r.forSlice(), span: span, ask: ask, patience: 1, emit: emit}
	err := r.readSlice(ctx, w)
	if dense := (*denseError)(nil); errors.As(err, &dense) {
		if dense.seen.first == 0 {
			return Shown{}, nil
		}
		return Shown{Density: dense.seen.density(), Over: dense.seen.shown()}, nil
	}
	if err != nil && ofThisRequest(err) { // perhaps it was too much to ask for at once
		r.log("reading in smaller parts", "slice", span.String(), "because", err.Error())
		r.Isolation.noteTried(span)
		return Shown{}, nil
	}
	if err != nil {
		return Shown{}, err
	}
	return Shown{true, float64(w.seen.conversations) / float64(span.Seconds()), span.Seconds()}, nil
}

// Suits reports whether a span is worth a [Reader.Try], by the density of what
// was read before; 0: nothing is known.
func (r *Reader) Suits(span Span, density float64) bool {
	return density*float64(span.Seconds()) <= float64(maxPages*r.pageSize())
}

// ofThisRequest reports whether an error is about what was asked for, and not
// about the key, the project, the host, or our own side.
func ofThisRequest(err error) bool {
	var api *polyai.APIError
	switch {
	case errors.Is(err, errAskLater) || polyai.IsAuth(err):
		return false
	case errors.As(err, &api):
		return api.Status != http.StatusNotFound
	}
	return polyai.IsTemporary(err) || isPaging(err)
}

// Now asks the source for its time, by the smallest request there is, which
// also shows whether the feed can be read at all. local is our own clock's
// time, for a source that does not tell.
func (r *Reader) Now(ctx context.Context, local time.Time) (time.Time, error) {
	var now time.Time
	_, err := r.Open(ctx, Span{}, local, func(t time.Time) Emit {
		now = t
		return nil
	})
	return now, err
}

// ping sends the smallest request there is.
func (r *Reader) ping(ctx context.Context, local time.Time) error {
	_, err := r.page(ctx, polyai.ListQuery{
		AccountID: r.AccountID, ProjectID: r.ProjectID, Environment: r.Environment,
		Start: local.Add(-time.Second), End: local, Limit: 1,
	}, func(context.Context, *Chunk) error { return nil })
	return err
}

// clock tells of the time of each answer.
type clock struct {
	Source
	told func(time.Time)
}

func (c *clock) List(ctx context.Context, q polyai.ListQuery) (*polyai.Page, error) {
	page, err := c.Source.List(ctx, q)
	if err == nil {
		c.told(page.ServerTime())
	}
	return page, err
}

func orLocal(now, local time.Time) time.Time {
	if now.IsZero() {
		return local
	}
	return now
}
