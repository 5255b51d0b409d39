package extract

import "slices"

// Covered is a span that was read whole.
type Covered struct {
	Span
	ReadAt Second // when its reading began, by the source's clock
	Shape  string // version of the rules that it was read with
}

// Cover adds a span that was read to a coverage: ordered, without overlap, the
// newest reading of each second. Ranges that touch are merged when nothing
// tells them apart, and behind settled, the deepest lookback, also when only
// their reading times do: the merged range keeps the older one.
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

// Believable is the coverage without what claims to be read, or to be covered,
// in the future: the clock was ahead when it was read, and what of it was there
// to be read is not known. Of merged ranges, what started before the oldest
// reading is known. now is the earlier clock.
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

// InFuture reports whether a stored time is later than now by more than clocks
// differ that are kept in step.
func InFuture(stored, now Second) bool { return stored > now+clockSlack }

// Watermark is the end of the coverage without a gap from start on; ok is
// false when start itself is not covered. Holes are no gaps: a source that
// cannot answer for one second must not hold up all that follows.
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

// outside is the coverage without what lies in the spans.
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

// spansOf is the coverage without its reading times.
func spansOf(coverage []Covered) []Span {
	spans := make([]Span, len(coverage))
	for i, c := range coverage {
		spans[i] = c.Span
	}
	return spans
}
