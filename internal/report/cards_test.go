package report

import "testing"

// The change is that of the figures as they are shown.
func TestShownIn_Change(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in          shownIn
		now, before float64
		want        string
	}{
		{shownRate, 0.7126, 0.7124, "+0.1 points"}, // 71.3 % and 71.2 %
		{shownRate, 0.7124, 0.7116, "±0.0 points"}, // 71.2 % both
		{shownSeconds, 1.004, 1.006, "−0.01 s"},
		{shownLength, 89.6, 90.4, "±0 s"},
		{shownLength, 90.6, 90.4, "+1 s"},
	} {
		if got := c.in.change(&c.now, &c.before); got != c.want {
			t.Errorf("from %s to %s: %s, want %s", c.in.format(&c.before), c.in.format(&c.now), got, c.want)
		}
	}
	if got := shownRate.change(nil, new(float64)); got != "" {
		t.Errorf("an unknown figure changes by %s", got)
	}
	for _, c := range []struct {
		now, before int64
		want        string
	}{{110, 100, "+10.0 %"}, {100_001, 100_000, "+1"}, {99_999, 100_000, "−1"}, {100, 100, "±0.0 %"}, {5, 0, ""}} {
		if got := countChange(c.now, c.before); got != c.want {
			t.Errorf("from %d to %d: %s, want %s", c.before, c.now, got, c.want)
		}
	}
}
