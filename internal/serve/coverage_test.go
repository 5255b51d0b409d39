package serve

import (
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

func TestAShortGapIsSeenInALongHistory(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	start := now.AddDate(-3, 0, 0)
	state := load.FeedState{Watermark: warehouse.TimestampOf(now), Coverage: []load.Range{
		{From: warehouse.TimestampOf(start), Until: stamp(now, 2*time.Hour)},
		{From: stamp(now, time.Hour), Until: warehouse.TimestampOf(now), ReadAt: warehouse.TimestampOf(now)},
	}}
	strips := drawCoverage("f", &state, start, now, time.UTC)
	if len(strips) != 2 {
		t.Fatalf("%d strips", len(strips))
	}
	for _, s := range strips {
		last := s.Bars[len(s.Bars)-1]
		if last.Class != "gap" || last.Width < thinnest || last.X+last.Width > stripWidth {
			t.Errorf("%s: the gap is %+v", s.Title, last)
		}
		if last.Tip != "1 Mar 2026, 10:00 UTC to 1 Mar 2026, 11:00 UTC: not read yet" {
			t.Errorf("%s: the gap says %q", s.Title, last.Tip)
		}
		if s.Alt != "Read up to 1 Mar 2026, 12:00 UTC, except for 1 gap." {
			t.Errorf("%s: it says %q", s.Title, s.Alt)
		}
	}
}

func TestNeighboursThatLookTheSameAreOneBar(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var state load.FeedState
	for h := 5; h > 0; h-- {
		state.Coverage = append(state.Coverage, load.Range{
			From: stamp(now, time.Duration(h)*time.Hour), Until: stamp(now, time.Duration(h-1)*time.Hour), ReadAt: stamp(now, time.Duration(h)*10*time.Hour),
		})
	}
	bars := drawCoverage("f", &state, now.Add(-5*time.Hour), now, time.UTC)[0].Bars
	if len(bars) != 2 || bars[0].Class != "read" || bars[0].Width != 600 || bars[1].Class != "recent" || bars[1].X != 600 {
		t.Errorf("the bars are %+v", bars)
	}
}

func TestAHistoryBeforeTheCoverageIsAGap(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	gaps := gapsOf([]load.Range{{From: stamp(now, time.Hour), Until: warehouse.TimestampOf(now)}}, now.Add(-3*time.Hour))
	if len(gaps) != 1 || gaps[0].until.Sub(gaps[0].from) != 2*time.Hour {
		t.Errorf("the gaps are %v", gaps)
	}
}
