package extract

import "slices"

// Covered is a span that was read completely.
type Covered struct {
	Span
	ReadAt Second // server time at which its reading began
	Shape  string // transform version that it was read with
}

// Cover adds a span to a coverage and returns the result, ordered and without
// overlap. Where the span overlaps the coverage, the new reading replaces the
// old one. Adjacent ranges are merged if they are equal in ReadAt and Shape;
// before settled, the start of the deepest lookback, ReadAt may differ and the
// older one is kept.
func Cover(coverage []Covered, read Covered, settled Second) []Covered {
	if read.Empty() {
		return coverage
	}
	parts := []Covered{read}
	for _, c := range coverage {
		for _, rest := range subtract(c.Span, []Span{read.Span}) {
			parts = append(parts, Covered{rest, c.ReadAt, c.Shape})
		}
	}
	slices.SortFunc(parts, func(a, b Covered) int { return int(a.From - b.From) })
	merged := parts[:1]
	for _, c := range parts[1:] {
		last := &merged[len(merged)-1]
		alike := c.ReadAt == last.ReadAt || c.Until <= settled
		if last.Until == c.From && last.Shape == c.Shape && alike {
			last.Until, last.ReadAt = c.Until, min(last.ReadAt, c.ReadAt)
			continue
		}
		merged = append(merged, c)
	}
	return merged
}

// Believable returns the coverage without ranges that were read in the future,
// and without parts that lie in the future: a clock was ahead then, and it is
// not known which conversations existed. A range that extends into the future is
// cut at its reading time. now is the earlier clock.
func Believable(coverage []Covered, now Second) []Covered {
	var out []Covered
	for _, c := range coverage {
		if InFuture(c.Until, now) {
			c.Until = min(c.Until, c.ReadAt)
		}
		if !c.Empty() && !InFuture(c.ReadAt, now) {
			out = append(out, c)
		}
	}
	return out
}

// InFuture reports whether a stored time is later than now by more than the
// difference of synchronized clocks.
func InFuture(stored, now Second) bool { return stored > now+clockSlack }

// Watermark returns the end of the coverage that has no gap after start. ok is
// false if start itself is not covered. Holes do not count as gaps: one second
// that the source fails to return must not stop the watermark.
func Watermark(coverage []Covered, holes []Span, start Second) (end Second, ok bool) {
	end = start
	for _, s := range union(append(spansOf(coverage), holes...)) {
		if s.From > end {
			break
		}
		end = max(end, s.Until)
	}
	begun := func(c Covered) bool { return c.From < end && c.Until > start }
	return end, end > start && slices.ContainsFunc(coverage, begun)
}

// outside returns the coverage without the parts that lie in the spans.
func outside(coverage []Covered, spans []Span) (left []Covered) {
	if len(spans) == 0 {
		return coverage
	}
	for _, c := range coverage {
		for _, rest := range subtract(c.Span, spans) {
			left = append(left, Covered{rest, c.ReadAt, c.Shape})
		}
	}
	return left
}

// spansOf returns the spans of the coverage.
func spansOf(coverage []Covered) []Span {
	spans := make([]Span, len(coverage))
	for i, c := range coverage {
		spans[i] = c.Span
	}
	return spans
}
