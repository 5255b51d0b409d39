package pipeline

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"convsync/internal/extract"
	"convsync/internal/panics"
)

// openWindows is how many windows of a feed are in progress concurrently. While the
// last slices of one are read and the previous one is published, free requests are
// used for the next one.
const openWindows = 3

// readSpans reads and publishes spans, newest first, window by window. What windows
// leave is read when all others are published.
func (f *feedRun) readSpans(ctx context.Context, spans []extract.Span) error {
	for len(spans) > 0 {
		if err := f.readWindows(ctx, spans); err != nil {
			return err
		}
		spans = extract.Without(f.left, nil)
		f.left = nil
	}
	return nil
}

// readWindows reads and publishes spans, except for what windows leave. A window
// begins when all slices of the previous one are in progress. An error of the feed
// ends the reading; windows that were read completely are still published.
func (f *feedRun) readWindows(ctx context.Context, spans []extract.Span) error {
	open, reading := errgroup.WithContext(ctx)
	open.SetLimit(openWindows)
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
		span, rest := extract.NextWindow(spans, seen.Density*f.lastWeight(), seen.Over)
		st, underWay := f.newWindow(span), make(chan struct{})
		begun := sync.OnceFunc(func() { close(underWay) })
		open.Go(func() (err error) {
			defer begun()
			defer panics.Recover(&err)
			reader := f.feed.Reader.Until(func() bool { return st.weight() >= f.run.windowLimit })
			if err := f.readWindow(reading, reader, st, f.feed.Reader.Slices(span, seen.Density), begun); err != nil {
				f.abandon(ctx, st)
				return err
			}
			over := max(1, st.seconds())
			f.noteSeen(extract.TryResult{Density: float64(st.emitted.Load()) / float64(over), Over: over})
			f.noteWeight(st)
			return f.publish(ctx, st)
		})
		<-underWay
		fresh = len(rest) < len(spans)
		spans = rest
	}
	return cmp.Or(open.Wait(), ctx.Err())
}

// newest returns the last span; an empty one if there is none.
func newest(spans []extract.Span) (last extract.Span) {
	if len(spans) > 0 {
		last = spans[len(spans)-1]
	}
	return last
}

// worthTry reports whether a span probably has few pages, by the density of what
// was read last.
func (f *feedRun) worthTry(span extract.Span) bool {
	seen := f.lastSeen()
	return seen.Over > 0 && f.feed.Reader.Suits(span, seen.Density)
}

// tryWhole reads a span as one slice. It returns nil without an error if the span
// has too many pages for that.
func (f *feedRun) tryWhole(ctx context.Context, span extract.Span) (*window, error) {
	st := f.newWindow(span)
	result, err := f.feed.Reader.Try(ctx, span, f.emitter(st))
	f.noteSeen(result)
	if err != nil || !result.Whole {
		f.abandon(ctx, st)
		return nil, err
	}
	return st, nil
}

// noteSeen records the density of the span that was read last.
func (f *feedRun) noteSeen(result extract.TryResult) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = result
	if result.Over > 0 {
		f.note(func(o *outlook) { o.seen = result })
	}
}

// skippedWeight is how many unchanged conversations of a window count like one that is
// staged: they need only their key, and are neither staged nor compared again. A larger
// window writes fewer files twice, but takes longer to be published.
const skippedWeight = 8

// weight returns the size of the window, in staged conversations.
func (st *window) weight() int64 {
	skipped := st.unchanged.skippedCount()
	return st.emitted.Load() - skipped + skipped/skippedWeight
}

// noteWeight records the weight of the conversations of a window.
func (f *feedRun) noteWeight(st *window) {
	if n := st.emitted.Load(); n > 0 {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.weight = float64(st.weight()) / float64(n)
	}
}

// lastWeight returns the mean weight of the conversations that were read last.
func (f *feedRun) lastWeight() float64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return cmp.Or(f.weight, 1)
}

func (f *feedRun) lastSeen() extract.TryResult {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen
}

// readWindow reads the slices of a window into the stages. A part that cannot be
// read is not covered, and does not affect the others. A part that the reader
// leaves is read by a later window.
func (f *feedRun) readWindow(ctx context.Context, reader *extract.Reader, st *window, parts []extract.Span, underWay func()) error {
	failed, err := reader.ReadParts(ctx, parts, f.emitter(st), underWay)
	if err != nil {
		return err
	}
	st.whole = extract.Whole(parts, failed)
	for _, part := range failed {
		if part.IsLeft() {
			st.left = append(st.left, part.Span)
		}
	}
	if len(st.left) > 0 {
		f.log.Debug("a window has more conversations than expected; the rest is read later", "window", st.span.String(), "conversations", st.emitted.Load())
		f.mu.Lock()
		f.left = append(f.left, st.left...)
		f.mu.Unlock()
	}
	f.fail(slices.DeleteFunc(failed, (*extract.SpanError).IsLeft)...)
	return nil
}

// readOpen reads the short spans around open conversations, as one window.
func (f *feedRun) readOpen(ctx context.Context, spans []extract.Span) error {
	if len(spans) == 0 {
		return nil
	}
	st := f.newWindow(extract.Span{})
	if err := f.readWindow(ctx, f.feed.Reader, st, spans, nil); err != nil {
		f.abandon(ctx, st)
		return err
	}
	if err := f.publish(ctx, st); err != nil {
		return err
	}
	if !st.blind.Load() {
		f.findMissingOpen(st.whole)
	}
	return nil
}
