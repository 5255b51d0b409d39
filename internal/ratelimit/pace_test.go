package ratelimit

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestPaceBounds checks the limits of the pace for random sequences of responses.
func TestPaceBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		set := rapid.SampledFrom([]float64{0, 0.1, 1, 5, 10, 1000}).Draw(t, "set")
		p := newPace(BudgetOptions{PerSecond: set, InFlight: 8})
		now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
		starts := []time.Time{}
		for range rapid.IntRange(1, 60).Draw(t, "answers") {
			started := now
			starts = append(starts, started)
			now = now.Add(time.Duration(rapid.IntRange(1, 40_000).Draw(t, "ms")) * time.Millisecond)
			p.wait(starts, now)
			switch rapid.SampledFrom([]string{"fine", "fine", "limited", "overloaded"}).Draw(t, "answer") {
			case "fine":
				p.answered(started, now)
			case "limited":
				p.limited(started, now, starts)
			case "overloaded":
				p.overloaded(started, now)
			}
			if n := p.inFlight(); n < 1 || n > 8 {
				t.Fatalf("%d in flight", n)
			}
			if p.rate <= 0 || math.IsNaN(p.rate) || set > 0 && p.rate > set || p.rate > p.ceiling {
				t.Fatalf("a rate of %g, up to %g, where %g is set", p.rate, p.ceiling, set)
			}
		}
	})
}
