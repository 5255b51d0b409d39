package extract

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Hole is a second of which the source cannot answer something.
type Hole struct {
	At  Second
	Err error
}

// Isolation is what one run knows of the holes of a feed: seconds that the
// source cannot answer, though it answers for the seconds around them. Slices
// that fail are searched for them. It is safe for concurrent use.
type Isolation struct {
	running sync.Mutex // one slice is searched at a time: the next one may fail for the same reason

	mu     sync.Mutex
	holes  []Span // known and found
	found  []Hole // and not stored yet
	fresh  int    // found by this run
	asked  int
	off    bool
	broken map[string]bool // digests of broken conversations that were answered

	tried Span // it failed as a whole, after all attempts
}

// NewIsolation makes the isolation of a feed whose known holes lie in the spans.
func NewIsolation(known []Span) *Isolation { return &Isolation{holes: slices.Clone(known)} }

// Holes are the spans that are not to be asked for.
func (i *Isolation) Holes() []Span {
	if i == nil {
		return nil
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.holes)
}

// Found are the holes that were found and are not stored yet.
func (i *Isolation) Found() []Hole {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.found)
}

// Stored notes that holes which were found are stored.
func (i *Isolation) Stored(holes []Span) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.found = slices.DeleteFunc(i.found, func(h Hole) bool { return slices.Contains(holes, Span{h.At, h.At + 1}) })
}

// suppose sets a second aside, to be added or taken back; false: there are too
// many. It is not found yet: others store what is found at any moment.
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

// add records a supposed hole.
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

// takeBack forgets a hole that was supposed.
func (i *Isolation) takeBack(at Second) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.fresh--
	i.holes = slices.DeleteFunc(i.holes, func(h Span) bool { return h.From == at })
}

// Heal forgets the holes within a span that was read.
func (i *Isolation) Heal(span Span) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.holes = slices.DeleteFunc(i.holes, func(h Span) bool { return span.From <= h.From && h.Until <= span.Until })
}

func (i *Isolation) has(span Span) bool {
	return slices.ContainsFunc(i.Holes(), func(h Span) bool { return !h.Intersect(span).Empty() })
}

// take takes a request from those that isolating may cost.
func (i *Isolation) take() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asked++
	return i.asked <= mostAsked
}

// stop ends the isolating of this run: what fails is left to the next one.
func (i *Isolation) stop() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.off = true
}

// wasAnswered reports whether a broken conversation with this digest was
// answered before, and remembers it.
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

// noteTried notes that a span failed as a whole after all attempts.
func (i *Isolation) noteTried(span Span) {
	if i != nil {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.tried = span
	}
}

// hurried is the reader for a slice. What failed as a whole just now, after all
// attempts, gets fewer of them as a slice, since it is isolated then.
func (r *Reader) hurried(slice Span) *Reader {
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

// isOn reports whether slices that fail are isolated.
func (i *Isolation) isOn() bool {
	if i == nil {
		return false
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	return !i.off
}

// lastMoment is just before a second. Times are in microseconds.
func lastMoment(s Second) time.Time { return s.Time().Add(-time.Microsecond) }

// bounds are the ends of a walk's requests. Nothing says whether the source takes
// them as inclusive, so a request asks for a second more on both sides; but for
// nothing of a hole, where the last microsecond before it has to do. A tight walk
// asks for the least that surely contains its span.
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

// ReadHole asks once for a hole that is known. A source that cannot answer it
// still is no error.
func (r *Reader) ReadHole(ctx context.Context, hole Span, emit Emit) (still, err error) {
	defer Caught(&err)
	if err := r.Walks.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer r.Walks.Release(1)
	one := *r
	one.slice = &pageCount{}
	one.givesUp = func(_ int, err error) bool { return isIsolatable(err) }
	err = one.readSlice(ctx, &walk{Reader: &one, span: hole, ask: hole, patience: unhurried, emit: emit})
	if err != nil && ofThisRequest(err) && ctx.Err() == nil {
		return err, nil
	}
	return nil, err
}
