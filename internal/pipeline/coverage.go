package pipeline

import (
	"time"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// covered converts stored coverage into the type of the planner.
func covered(ranges []load.Range) []extract.Covered {
	out := make([]extract.Covered, len(ranges))
	for i, r := range ranges {
		out[i] = extract.Covered{
			Span:   spanOf(r.From, r.Until),
			ReadAt: secondOf(r.ReadAt), Shape: r.Shape,
		}
	}
	return out
}

// cover adds a span to a coverage, up to the earlier clock. Its reading time is
// the start of the run, which is before the actual reading, so the lookback may
// read it again slightly early.
func (f *feedRun) cover(coverage []extract.Covered, span extract.Span) []extract.Covered {
	span.Until = min(span.Until, f.sure)
	read := extract.Covered{Span: span, ReadAt: f.sure, Shape: f.feed.Transform.Shape()}
	return extract.Cover(coverage, read, f.deepestLookback())
}

// deepestLookback returns the start of the deepest tier of the lookback.
func (f *feedRun) deepestLookback() extract.Second {
	deepest := time.Duration(0)
	for _, tier := range f.run.Lookback {
		deepest = max(deepest, tier.Depth)
	}
	return f.sure - extract.Second(deepest.Seconds())
}

// ranges converts a coverage into the type of the destination.
func ranges(coverage []extract.Covered) []load.Range {
	out := make([]load.Range, len(coverage))
	for i, c := range coverage {
		out[i] = load.Range{
			From: timestamp(c.From), Until: timestamp(c.Until), ReadAt: timestamp(c.ReadAt), Shape: c.Shape,
		}
	}
	return out
}

// watermark returns the end of a coverage without a gap, where holes do not count
// as gaps; 0: there is none. It is not before the stored watermark, unless that
// lies in the future.
func (f *feedRun) watermark(coverage []extract.Covered, holes []warehouse.Hole) warehouse.Timestamp {
	stored := f.state.Watermark
	if f.rewind {
		stored = 0
	}
	if end, ok := extract.Watermark(coverage, HoleSpans(holes), f.feed.Start); ok {
		return max(timestamp(end), stored)
	}
	return stored
}
