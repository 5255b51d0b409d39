package extract

import (
	"fmt"
	"slices"
	"time"
)

// Second is a moment in whole Unix seconds.
type Second int64

// Day is a UTC day, in seconds.
const Day = Second(24 * 60 * 60)

// lastSecond is the last one that a request can contain, 9999-12-31T23:59:59Z.
const lastSecond = Second(253_402_300_799)

// SecondOf returns the second that contains t.
func SecondOf(t time.Time) Second { return Second(t.Unix()) }

// Time returns the second as a time in UTC.
func (s Second) Time() time.Time { return time.Unix(int64(s), 0).UTC() }

// StartOfDay returns the UTC midnight at or before s.
func (s Second) StartOfDay() Second {
	d := s / Day
	if s < 0 && s%Day != 0 {
		d--
	}
	return d * Day
}

// seconds returns d in whole seconds, truncated.
func seconds(d time.Duration) Second { return Second(d / time.Second) }

// Span is a range of conversation start times, [From, Until).
type Span struct{ From, Until Second }

// Empty reports whether the span contains no second.
func (s Span) Empty() bool { return s.From >= s.Until }

// Seconds returns the length of the span.
func (s Span) Seconds() Second { return max(s.Until-s.From, 0) }

func (s Span) String() string {
	return fmt.Sprintf("%s to %s", s.From.Time().Format(time.RFC3339), s.Until.Time().Format(time.RFC3339))
}

// Intersect returns the part that lies in both spans. It may be empty.
func (s Span) Intersect(o Span) Span {
	return Span{max(s.From, o.From), min(s.Until, o.Until)}
}

// splitAt divides the span at a time, which may be outside of it.
func (s Span) splitAt(at Second) (before, after Span) {
	at = min(max(s.From, at), s.Until)
	return Span{s.From, at}, Span{at, s.Until}
}

// cut returns the span as at most n parts of about the same length, oldest first.
// A span of fewer than n seconds has fewer parts.
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

// union returns the spans in order, and merges those that touch or overlap.
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

// Without returns the parts of the spans that lie in none of the holes, ordered
// and without overlap.
func Without(spans, holes []Span) []Span {
	var out []Span
	for _, s := range union(spans) {
		out = append(out, subtract(s, holes)...)
	}
	return out
}

// subtract returns the parts of whole that lie in none of the holes.
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
