package extract

import (
	"slices"
	"testing"
)

func TestDecideNarrow(t *testing.T) {
	t.Parallel()
	now, start := june(20, 12, 0), june(1, 0, 0)
	hour := Span{now - 3600, now}
	for name, c := range map[string]struct {
		open             []Second
		narrow           Narrow
		spans, openSpans []Span
	}{
		"nothing":                     {nil, Narrow{}, nil, nil},
		"around a start":              {[]Second{june(19, 0, 0)}, Narrow{Around: []Second{june(10, 8, 0)}}, nil, []Span{{june(10, 7, 59), june(10, 8, 1) + 1}}},
		"starts that are near":        {nil, Narrow{Around: []Second{june(10, 8, 4), june(10, 8, 0), june(11, 0, 0)}}, nil, []Span{{june(10, 7, 59), june(10, 8, 5) + 1}, {june(10, 23, 59), june(11, 0, 1) + 1}}},
		"what is recent":              {[]Second{june(19, 0, 0), now - 60}, Narrow{Recent: true}, []Span{hour}, []Span{{june(19, 0, 0), june(19, 0, 0) + 1}}},
		"both":                        {nil, Narrow{Around: []Second{now - 3600, now}, Recent: true}, []Span{hour}, []Span{{now - 3660, now - 3600}}},
		"before the history":          {nil, Narrow{Around: []Second{start - 600}}, nil, nil},
		"after server time":           {nil, Narrow{Around: []Second{now + 600}}, nil, nil},
		"at the edges of the history": {nil, Narrow{Around: []Second{start, now}}, nil, []Span{{start, start + 61}, {now - 60, now}}},
	} {
		// There is a gap, and all coverage is of an older transform version. A narrow
		// run reads neither.
		need := Need{
			Start:    start,
			Now:      now,
			Open:     c.open,
			Lookback: tiers,
			Shape:    "new",
			Coverage: []Covered{{Span: Span{start, june(2, 0, 0)}, Shape: "old"}},
		}
		got := DecideNarrow(need, c.narrow)
		if !slices.Equal(got.Spans, c.spans) || !slices.Equal(got.Open, c.openSpans) || got.Older != nil {
			t.Errorf("%s: %v and %v and %v, want %v and %v", name, got.Spans, got.Open, got.Older, c.spans, c.openSpans)
		}
	}
}
