package pipeline

import (
	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/transform"
	"convsync/internal/warehouse"
)

// covered is a stored coverage in the planner's terms.
func covered(ranges []load.Range) []extract.Covered {
	out := make([]extract.Covered, len(ranges))
	for i, r := range ranges {
		out[i] = extract.Covered{
			Span:   extract.Span{From: extract.SecondOf(r.From.Time()), Until: extract.SecondOf(r.Until.Time())},
			ReadAt: extract.SecondOf(r.ReadAt.Time()), Shape: r.Shape,
		}
	}
	return out
}

// cover counts a span as read in a coverage, up to the earlier clock. readAt is
// when the run began, which is before its reading began: at worst it is read
// again a little early.
func (f *feedRun) cover(coverage []extract.Covered, span extract.Span) []extract.Covered {
	deepest := extract.Second(0)
	for _, tier := range f.Lookback {
		deepest = max(deepest, extract.Second(tier.Depth.Seconds()))
	}
	span.Until = min(span.Until, f.sure)
	read := extract.Covered{Span: span, ReadAt: f.sure, Shape: transform.Shape}
	return extract.Cover(coverage, read, f.sure-deepest)
}

// ranges is a coverage in the destination's terms.
func ranges(coverage []extract.Covered) []load.Range {
	out := make([]load.Range, len(coverage))
	for i, c := range coverage {
		out[i] = load.Range{
			From: timestamp(c.From), Until: timestamp(c.Until), ReadAt: timestamp(c.ReadAt), Shape: c.Shape,
		}
	}
	return out
}

// watermark is the end of a coverage without a gap but for holes, and never
// before what is stored, unless that lies in the future; 0: none.
func (f *feedRun) watermark(coverage []extract.Covered, holes []warehouse.Hole) warehouse.Timestamp {
	stored := f.state.Watermark
	if f.rewind {
		stored = 0
	}
	if end, ok := extract.Watermark(coverage, HoleSpans(holes), f.Start); ok {
		return max(timestamp(end), stored)
	}
	return stored
}

func timestamp(s extract.Second) warehouse.Timestamp { return warehouse.TimestampOf(s.Time()) }
