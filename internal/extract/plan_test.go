package extract

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var tiers = []Tier{{time.Hour, 0}, {24 * time.Hour, time.Hour}, {7 * 24 * time.Hour, 24 * time.Hour}}

// june returns a second of June 2026.
func june(dayOfMonth, hour, minute int) Second {
	return SecondOf(time.Date(2026, 6, dayOfMonth, hour, minute, 0, 0, time.UTC))
}

func TestDecide(t *testing.T) {
	t.Parallel()
	now := june(20, 12, 0)
	start := june(1, 0, 0)
	for _, c := range []struct {
		name string
		need Need
		want []Span
	}{
		{
			"a first run reads everything",
			Need{Start: start, Now: now},
			[]Span{{start, now}},
		}, {
			"five minutes later only the last hour is due",
			Need{Start: start, Now: now + 300, Coverage: []Covered{{Span: Span{start, now}, ReadAt: now}}},
			[]Span{{now + 300 - 3600, now + 300}},
		}, {
			"an hour later the complete last day is due",
			Need{Start: start, Now: now + 3600, Coverage: []Covered{
				{Span: Span{start, now - 3000}, ReadAt: now}, {Span: Span{now - 3000, now + 3300}, ReadAt: now + 3300},
			}},
			[]Span{{now + 3600 - 24*3600, now + 3600}},
		}, {
			"a night later the last week is due, also when the run begins a little early",
			Need{Start: start, Now: now + 24*3600 - 20, Coverage: []Covered{{Span: Span{start, now}, ReadAt: now}}},
			[]Span{{now + 24*3600 - 20 - 7*24*3600, now + 24*3600 - 20}},
		}, {
			"a gap is read, and an earlier start is a gap",
			Need{Start: start, Now: now, Coverage: []Covered{
				{Span: Span{june(2, 0, 0), june(5, 0, 0)}, ReadAt: now}, {Span: Span{june(6, 0, 0), now}, ReadAt: now - 60},
			}},
			[]Span{{start, june(2, 0, 0)}, {june(5, 0, 0), june(6, 0, 0)}, {now - 3600, now}},
		}, {
			"the lookback does not reach behind the start",
			Need{Start: june(20, 11, 30), Now: now, Coverage: []Covered{{Span: Span{june(20, 11, 30), now}, ReadAt: now - 600}}},
			[]Span{{june(20, 11, 30), now}},
		}, {
			"different clocks: from the lookback before the earlier one to the later one",
			Need{Start: start, Now: now + 8*3600, Sure: now, Coverage: []Covered{{Span: Span{start, now}, ReadAt: now}}},
			[]Span{{now - 3600, now + 8*3600}},
		}, {
			"different clocks: a tier is due by the earlier one",
			Need{Start: start, Now: now + 9*3600, Sure: now + 3600, Coverage: []Covered{{Span: Span{start, now}, ReadAt: now}}},
			[]Span{{now + 3600 - 24*3600, now + 9*3600}},
		}, {
			"a start in the future reads nothing",
			Need{Start: now + 60, Now: now},
			nil,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.need.Lookback = tiers
			if got := Decide(c.need).Spans; !slices.Equal(got, c.want) {
				t.Errorf("got  %v\nwant %v", got, c.want)
			}
		})
	}
}

func TestDecideOpenConversations(t *testing.T) {
	t.Parallel()
	now := june(20, 12, 0)
	plan := Decide(Need{
		Start:    june(1, 0, 0),
		Now:      now,
		Lookback: tiers,
		Coverage: []Covered{{Span: Span{june(1, 0, 0), now}, ReadAt: now - 60}},
		Open:     []Second{june(20, 11, 59), june(14, 9, 2), june(14, 9, 0), june(15, 8, 0)},
	})
	want := []Span{{june(14, 9, 0), june(14, 9, 2) + 1}, {june(15, 8, 0), june(15, 8, 0) + 1}}
	if !slices.Equal(plan.Open, want) {
		t.Errorf("spans of open conversations %v, want %v", plan.Open, want)
	}
}

func drawSpan(t *rapid.T) Span {
	from := Second(rapid.Int64Range(-3*86400, 3*86400).Draw(t, "from"))
	return Span{from, from + Second(rapid.Int64Range(0, 86400).Draw(t, "length"))}
}

func inAny(spans []Span, s Second) bool {
	return slices.ContainsFunc(spans, func(p Span) bool { return p.From <= s && s < p.Until })
}

// Open conversations that start in the future are requested at their start and
// with the current hour.
func TestDecideFuture(t *testing.T) {
	t.Parallel()
	now := june(20, 12, 0)
	covered := []Covered{{Span: Span{june(1, 0, 0), now}, ReadAt: now}}
	for name, c := range map[string]struct {
		lookback []Tier
		open     Second
		want     []Span
	}{
		"Planned":         {nil, now + 3*Day, []Span{{now - 3600, now}, {now + 3*Day, now + 3*Day + 1}}},
		"InTheLookback":   {tiers, now + 3*Day, []Span{{now + 3*Day, now + 3*Day + 1}}},
		"ShorterLookback": {[]Tier{{Depth: 30 * time.Minute}}, now + 3*Day, []Span{{now - 3600, now - 1800}, {now + 3*Day, now + 3*Day + 1}}},
		"LastSecond":      {tiers, lastSecond, []Span{{lastSecond - 1, lastSecond}}},
		"Past":            {nil, now - 3*Day, []Span{{now - 3*Day, now - 3*Day + 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Decide(Need{
				Start:    june(1, 0, 0),
				Now:      now,
				Coverage: covered,
				Lookback: c.lookback,
				Open:     []Second{c.open},
			})
			if !slices.Equal(got.Open, c.want) {
				t.Errorf("got  %v\nwant %v", got.Open, c.want)
			}
		})
	}
}

func TestSpanSetsModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		spans := rapid.SliceOfN(rapid.Custom(drawSpan), 0, 6).Draw(t, "spans")
		whole := drawSpan(t)
		joined, left := union(spans), subtract(whole, spans)
		for range 50 {
			s := Second(rapid.Int64Range(-4*86400, 5*86400).Draw(t, "second"))
			if inAny(joined, s) != inAny(spans, s) {
				t.Fatalf("union %v of %v is wrong at %d", joined, spans, s)
			}
			want := inAny([]Span{whole}, s) && !inAny(spans, s)
			if inAny(left, s) != want {
				t.Fatalf("%v without %v is %v, wrong at %d", whole, spans, left, s)
			}
		}
		for i := 1; i < len(joined); i++ {
			if joined[i].From <= joined[i-1].Until {
				t.Fatalf("union %v touches or is out of order", joined)
			}
		}
	})
}

// TestCoverModel compares Cover with a map of seconds. Before settled, only whether
// a second is covered is compared.
func TestCoverModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		settled := Second(rapid.Int64Range(0, 60).Draw(t, "settled"))
		model := map[Second]Second{}
		var coverage []Covered
		for at := range Second(rapid.IntRange(1, 12).Draw(t, "readings")) {
			from := Second(rapid.Int64Range(0, 100).Draw(t, "from"))
			span := Span{from, from + Second(rapid.Int64Range(0, 30).Draw(t, "length"))}
			coverage = Cover(coverage, Covered{Span: span, ReadAt: at, Shape: "1"}, settled)
			for s := span.From; s < span.Until; s++ {
				model[s] = at
			}
		}
		got := map[Second]Second{}
		for i, c := range coverage {
			if c.Empty() || i > 0 && c.From < coverage[i-1].Until {
				t.Fatalf("coverage %v is empty somewhere, or out of order", coverage)
			}
			for s := c.From; s < c.Until; s++ {
				got[s] = c.ReadAt
			}
		}
		if len(got) != len(model) {
			t.Fatalf("%d seconds are covered, want %d", len(got), len(model))
		}
		for s, at := range model {
			if got[s] > at || s >= settled && got[s] != at {
				t.Fatalf("second %d was read at %d, coverage says %d", s, at, got[s])
			}
		}
	})
}

func TestCoverMergesSettled(t *testing.T) {
	t.Parallel()
	var coverage []Covered
	for i := range Second(100) {
		coverage = Cover(coverage, Covered{Span: Span{i * 10, i*10 + 10}, ReadAt: i, Shape: "1"}, i*10-50)
	}
	if len(coverage) > 8 {
		t.Errorf("%d ranges after 100 readings that touch, want them merged", len(coverage))
	}
	if first := coverage[0]; first.From != 0 || first.ReadAt != 0 {
		t.Errorf("the merged range is %v, want it from 0 and read at 0", first)
	}
	other := Cover(coverage, Covered{Span: Span{1000, 1010}, ReadAt: 100, Shape: "2"}, 5000)
	if last := other[len(other)-1]; last.Shape != "2" || last.From != 1000 {
		t.Errorf("another transform version was merged into %v", last)
	}
}

func TestWatermark(t *testing.T) {
	t.Parallel()
	coverage := []Covered{{Span: Span{0, 10}}, {Span: Span{10, 20}}, {Span: Span{21, 30}}}
	for _, c := range []struct {
		start, want Second
		ok          bool
	}{{0, 20, true}, {5, 20, true}, {20, 20, false}, {21, 30, true}, {-1, -1, false}} {
		if got, ok := Watermark(coverage, nil, c.start); got != c.want || ok != c.ok {
			t.Errorf("from %d: %d, %v; want %d, %v", c.start, got, ok, c.want, c.ok)
		}
	}
}

func TestNextWindow(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		spans := union(rapid.SliceOfN(rapid.Custom(drawSpan), 1, 5).Draw(t, "spans"))
		if len(spans) == 0 {
			return
		}
		density := rapid.Float64Range(0, 2).Draw(t, "density")
		before := Second(0)
		var got []Span
		for rest := spans; len(rest) > 0; {
			var s Span
			s, rest = NextWindow(rest, density, before)
			if s.Empty() {
				t.Fatalf("an empty window %v", s)
			}
			if len(got) > 0 && s.Until > got[len(got)-1].From {
				t.Fatalf("%v after %v is not older", s, got[len(got)-1])
			}
			begins := slices.ContainsFunc(spans, func(p Span) bool { return p.From == s.From })
			if s.From != s.From.StartOfDay() && !begins {
				t.Fatalf("%v cuts a day", s)
			}
			if s.From.StartOfDay() != (s.Until-1).StartOfDay() && density*float64(s.Seconds()) > 2*windowTarget {
				t.Fatalf("%v is too long for a density of %g", s, density)
			}
			if s.Seconds() > max(2*Day, windowGrowth*before+Day) {
				t.Fatalf("%v follows a window of %d s", s, before)
			}
			before = s.Seconds()
			got = append(got, s)
		}
		if !slices.Equal(union(got), spans) {
			t.Fatalf("windows %v are not the spans %v", got, spans)
		}
	})
}

func TestCutTiles(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawSpan(t)
		parts := s.cut(rapid.IntRange(-1, 100).Draw(t, "n"))
		if !slices.Equal(union(parts), union([]Span{s})) {
			t.Fatalf("%v was cut into %v", s, parts)
		}
		for _, p := range parts {
			if p.Empty() != s.Empty() {
				t.Fatalf("an empty part in %v", parts)
			}
		}
	})
}

func TestDecideOlderShape(t *testing.T) {
	t.Parallel()
	n := Need{Start: 0, Now: 100 * Day, Shape: "2", Coverage: []Covered{
		{Span: Span{0, 50 * Day}, ReadAt: 100 * Day, Shape: "1"}, {Span: Span{50 * Day, 60 * Day}, ReadAt: 100 * Day, Shape: "2"},
		{Span: Span{60 * Day, 100 * Day}, ReadAt: 100 * Day, Shape: "1"},
	}}
	for run, want := range [][]Span{
		{{70 * Day, 100 * Day}}, {{30 * Day, 50 * Day}, {60 * Day, 70 * Day}}, {{0, 30 * Day}}, nil,
	} {
		plan := Decide(n)
		if len(plan.Spans) != 0 || !slices.Equal(plan.Older, want) {
			t.Errorf("run %d reads %v, and %v again", run, plan.Spans, plan.Older)
		}
		for _, s := range plan.Older {
			n.Coverage = Cover(n.Coverage, Covered{Span: s, ReadAt: 100 * Day, Shape: "2"}, 0)
		}
	}
}
