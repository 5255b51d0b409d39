package pipeline

import (
	"cmp"
	"context"
	"sync"

	"golang.org/x/sync/errgroup"

	"convsync/internal/extract"
)

// openStretches is how many stretches of a feed are read or published at once:
// while the last slices of one are still read and the one before is published,
// the requests that are allowed go to the next.
const openStretches = 3

// readSpans reads and publishes spans, newest first, stretch by stretch. A
// stretch is begun when all slices of the one before are under way. What fails
// the feed ends the reading; what was read whole is still published.
func (f *feedRun) readSpans(ctx context.Context, spans []extract.Span) error {
	open, reading := errgroup.WithContext(ctx)
	open.SetLimit(openStretches)
	for fresh := true; len(spans) > 0 && reading.Err() == nil; {
		if last := newest(spans); fresh && f.worthTry(last) {
			st, err := f.tryWhole(reading, last)
			switch {
			case err != nil:
				open.Go(func() error { return err }) // ends the others
				return open.Wait()
			case st != nil:
				spans = spans[:len(spans)-1]
				open.Go(func() error { return f.publishGuarded(ctx, st) })
			default:
				fresh = false
			}
			continue
		}
		seen := f.lastSeen()
		span, rest := extract.NextWindow(spans, seen.Density, seen.Over)
		st, underWay := f.newStretch(span), make(chan struct{})
		begun := sync.OnceFunc(func() { close(underWay) })
		open.Go(func() (err error) {
			defer begun()
			defer extract.Caught(&err)
			if err := f.readStretch(reading, st, f.Reader.Slices(span, seen.Density), begun); err != nil {
				f.abandon(ctx, st)
				return err
			}
			f.noteSeen(extract.TryResult{Density: float64(st.emitted.Load()) / float64(span.Seconds()), Over: span.Seconds()})
			return f.publish(ctx, st)
		})
		<-underWay
		fresh = len(rest) < len(spans)
		spans = rest
	}
	return cmp.Or(open.Wait(), ctx.Err())
}

// worthTry reports whether few pages are to be expected of a span, by what was
// read last.
func (f *feedRun) worthTry(span extract.Span) bool {
	seen := f.lastSeen()
	return seen.Over > 0 && f.Reader.Suits(span, seen.Density)
}

// tryWhole reads a span as one slice. Without a stretch and an error it has
// more pages than are good to read so.
func (f *feedRun) tryWhole(ctx context.Context, span extract.Span) (*stretch, error) {
	st := f.newStretch(span)
	shown, err := f.Reader.Try(ctx, span, span, f.emitter(st))
	f.noteSeen(shown)
	if err != nil || !shown.Whole {
		f.abandon(ctx, st)
		return nil, err
	}
	return st, nil
}

// noteSeen remembers how dense the history is where it was read last.
func (f *feedRun) noteSeen(shown extract.TryResult) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = shown
	if shown.Over > 0 {
		f.note(func(o *outlook) { o.seen = shown })
	}
}

func (f *feedRun) lastSeen() extract.TryResult {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen
}

// readStretch reads the slices of a stretch into the stages. A part that cannot
// be read fails alone, and is not covered.
func (f *feedRun) readStretch(ctx context.Context, st *stretch, slices []extract.Span, underWay func()) error {
	failed, err := f.Reader.ReadParts(ctx, slices, f.emitter(st), underWay)
	if err != nil {
		return err
	}
	f.fail(failed...)
	st.whole = extract.Whole(slices, failed)
	return nil
}

// readWorklist reads the narrow spans around open conversations, as one stretch.
func (f *feedRun) readWorklist(ctx context.Context, spans []extract.Span) error {
	if len(spans) == 0 {
		return nil
	}
	st := f.newStretch(extract.Span{})
	if err := f.readStretch(ctx, st, spans, nil); err != nil {
		f.abandon(ctx, st)
		return err
	}
	if err := f.publish(ctx, st); err != nil {
		return err
	}
	if !st.blind.Load() {
		f.lookForLost(st.whole)
	}
	return nil
}
