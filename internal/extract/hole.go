package extract

import (
	"context"
	"slices"
	"sync"
	"time"

	"convsync/internal/panics"
)

// Hole is a second that the source fails to return.
type Hole struct {
	At  Second
	Err error
}

// Isolation holds the holes of a feed during a run: seconds that the source
// fails to return, although it returns the seconds around them. Slices that fail
// are searched for holes. It is safe for concurrent use.
type Isolation struct {
	running sync.Mutex // one slice is searched at a time: the next one may fail for the same reason

	mu     sync.Mutex
	holes  []Span // stored ones, and those found by this run
	found  []Hole // confirmed and not stored yet
	fresh  int    // number found by this run
	asked  int    // requests sent by searches
	off    bool
	broken map[string]bool // digests of the broken conversations that were received

	tried Span // failed as a whole, after all attempts
}

// NewIsolation returns the isolation of a feed with the holes that are known.
func NewIsolation(known []Span) *Isolation { return &Isolation{holes: slices.Clone(known)} }

// Holes returns the spans that must not be requested.
func (i *Isolation) Holes() []Span {
	if i == nil {
		return nil
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.holes)
}

// Found returns the holes that were found and are not stored yet.
func (i *Isolation) Found() []Hole {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.found)
}

// Stored removes holes from those that [Isolation.Found] returns.
func (i *Isolation) Stored(holes []Span) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.found = slices.DeleteFunc(i.found, func(h Hole) bool { return slices.Contains(holes, Span{h.At, h.At + 1}) })
}

// suppose excludes a second from requests until add or takeBack is called; false
// if there are too many holes. [Isolation.Found] does not return it yet, since
// a concurrent commit would store it before it is confirmed.
func (i *Isolation) suppose(at Second) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.fresh == mostNewHoles || lengthOf(i.holes) >= mostHoles {
		return false
	}
	i.fresh++
	i.holes = append(i.holes, Span{at, at + 1})
	return true
}

// add confirms a supposed hole.
func (i *Isolation) add(h Hole) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.found = append(i.found, h)
}

func lengthOf(spans []Span) (n Second) {
	for _, s := range spans {
		n += s.Seconds()
	}
	return n
}

// takeBack removes a supposed hole.
func (i *Isolation) takeBack(at Second) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.fresh--
	i.holes = slices.DeleteFunc(i.holes, func(h Span) bool { return h.From == at })
}

// Heal removes the holes within a span that was read.
func (i *Isolation) Heal(span Span) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.holes = slices.DeleteFunc(i.holes, func(h Span) bool { return span.From <= h.From && h.Until <= span.Until })
}

func (i *Isolation) has(span Span) bool {
	return slices.ContainsFunc(i.Holes(), func(h Span) bool { return !h.Intersect(span).Empty() })
}

// take counts a request of a search, and reports whether it is within the limit.
func (i *Isolation) take() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asked++
	return i.asked <= mostAsked
}

// stop turns isolation off for the rest of the run. Slices that fail are left to
// the next run.
func (i *Isolation) stop() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.off = true
}

// wasAnswered reports whether a broken conversation with this digest was
// received before, and records it.
func (i *Isolation) wasAnswered(digest string) bool {
	if i == nil {
		return false
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.broken[digest] {
		return true
	}
	if i.broken == nil {
		i.broken = map[string]bool{}
	}
	i.broken[digest] = true
	return false
}

// noteTried records that a span failed as a whole after all attempts.
func (i *Isolation) noteTried(span Span) {
	if i != nil {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.tried = span
	}
}

// withFewerAttempts returns the reader for a slice. If the slice is a part of a
// span that just failed after all attempts, it is tried only twice before it is
// isolated.
func (r *Reader) withFewerAttempts(slice Span) *Reader {
	if r.Isolation == nil || !r.Isolation.wasTried(slice) {
		return r
	}
	const attempts = 2
	quick := *r
	quick.givesUp = func(attempt int, err error) bool { return attempt >= attempts && isIsolatable(err) }
	return &quick
}

func (i *Isolation) wasTried(slice Span) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return !i.off && !i.tried.Intersect(slice).Empty()
}

// isOn reports whether failed slices are isolated.
func (i *Isolation) isOn() bool {
	if i == nil {
		return false
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	return !i.off
}

// lastMoment returns the last microsecond before a second. Times of the source
// are in microseconds.
func lastMoment(s Second) time.Time { return s.Time().Add(-time.Microsecond) }

// bounds returns the time range of a walk's requests. It is not documented
// whether its ends are inclusive, so a request asks for one second more on both
// sides, but never for a part of a hole: there it ends one microsecond before. A
// tight walk asks for the smallest range that contains its span in either case.
func (w *walk) bounds() (start, end time.Time) {
	start, end = (w.ask.From - 1).Time(), (w.ask.Until + 1).Time()
	if w.tight {
		start, end = lastMoment(w.ask.From), w.ask.Until.Time()
	}
	for _, h := range w.Isolation.Holes() {
		if at := lastMoment(h.Until); h.Until <= w.ask.From && at.After(start) {
			start = at
		}
		if at := lastMoment(h.From); h.From >= w.ask.Until && at.Before(end) {
			end = at
		}
	}
	if w.until != nil {
		end = *w.until
	}
	return start, end
}

// ReadHole requests a known hole once. still is the reason if the source fails
// to return it again; err is any other failure.
func (r *Reader) ReadHole(ctx context.Context, hole Span, emit Emit) (still, err error) {
	defer panics.Recover(&err)
	if err := r.Walks.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer r.Walks.Release(1)
	one := *r
	one.slice = &pageCount{}
	one.givesUp = func(_ int, err error) bool { return isIsolatable(err) }
	err = one.readSlice(ctx, &walk{
		Reader:   &one,
		span:     hole,
		ask:      hole,
		minPages: defaultMinPages,
		emit:     emit,
	})
	if err != nil && concernsRequest(err) && ctx.Err() == nil {
		return err, nil
	}
	return nil, err
}
