package extract

import (
	"fmt"
	"slices"
	"time"
)

// Second is a moment in whole Unix seconds.
type Second int64

// day is a UTC day, in seconds.
const day = Second(24 * 60 * 60)

// lastSecond is the last one that a request can name, 9999-12-31T23:59:59Z.
const lastSecond = Second(253_402_300_799)

// SecondOf is the second that t lies in.
func SecondOf(t time.Time) Second { return Second(t.Unix()) }

// Time is the moment in UTC.
func (s Second) Time() time.Time { return time.Unix(int64(s), 0).UTC() }

// startOfDay is the UTC midnight at or before s.
func (s Second) startOfDay() Second {
	d := s / day
	if s < 0 && s%day != 0 {
		d--
	}
	return d * day
}

// seconds is d in whole seconds, rounded down.
func seconds(d time.Duration) Second { return Second(d / time.Second) }

// Span is a stretch of start times, [From, Until).
type Span struct{ From, Until Second }

// Empty reports whether nothing lies in the span.
func (s Span) Empty() bool { return s.From >= s.Until }

// Seconds is the span's length.
func (s Span) Seconds() Second { return max(s.Until-s.From, 0) }

func (s Span) String() string {
	return fmt.Sprintf("%s to %s", s.From.Time().Format(time.RFC3339), s.Until.Time().Format(time.RFC3339))
}

// Intersect is what lies in both spans.
func (s Span) Intersect(o Span) Span {
	return Span{max(s.From, o.From), min(s.Until, o.Until)}
}

// cut cuts the span into at most n parts of about the same length, oldest
// first. A span of fewer than n seconds gives fewer parts.
func (s Span) cut(n int) []Span {
	n = max(1, min(n, int(min(s.Seconds(), 1<<20))))
	parts := make([]Span, 0, n)
	for i := range n {
		from := s.From + s.Seconds()*Second(i)/Second(n)
		until := s.From + s.Seconds()*Second(i+1)/Second(n)
		parts = append(parts, Span{from, until})
	}
	return parts
}

// union is the spans, ordered, those that touch or overlap made one.
func union(spans []Span) []Span {
	sorted := slices.Clone(spans)
	slices.SortFunc(sorted, func(a, b Span) int { return int(a.From - b.From) })
	var out []Span
	for _, s := range sorted {
		switch last := len(out) - 1; {
		case s.Empty():
		case last >= 0 && s.From <= out[last].Until:
			out[last].Until = max(out[last].Until, s.Until)
		default:
			out = append(out, s)
		}
	}
	return out
}

// Without is what of the spans lies in none of the holes, ordered, without overlap.
func Without(spans, holes []Span) []Span {
	var out []Span
	for _, s := range union(spans) {
		out = append(out, subtract(s, holes)...)
	}
	return out
}

// subtract is what of whole lies in none of the holes.
func subtract(whole Span, holes []Span) []Span {
	var out []Span
	at := whole.From
	for _, h := range union(holes) {
		if h = h.Intersect(whole); h.Empty() {
			continue
		}
		if at < h.From {
			out = append(out, Span{at, h.From})
		}
		at = h.Until
	}
	if at < whole.Until {
		out = append(out, Span{at, whole.Until})
	}
	return out
}
