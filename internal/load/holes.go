package load

import (
	"cmp"
	"slices"
)

// Accounted returns the coverage and the holes together, in order. What is in
// neither is a gap, which the next run reads.
func (s *FeedState) Accounted() []Range {
	ranges := slices.Clone(s.Coverage)
	for i := range s.Holes {
		ranges = append(ranges, Range{From: s.Holes[i].From, Until: s.Holes[i].Until})
	}
	slices.SortStableFunc(ranges, func(a, b Range) int { return cmp.Compare(a.From, b.From) })
	return ranges
}
