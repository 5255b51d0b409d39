package bench

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func TestMedian(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		values []float64
		want   float64
	}{
		"One":      {[]float64{4}, 4},
		"Odd":      {[]float64{9, 1, 4}, 4},
		"Even":     {[]float64{1, 9, 4, 2}, 3},
		"Repeated": {[]float64{2, 2, 5}, 2},
	} {
		if got := median(c.values); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if got := median(nil); !math.IsNaN(got) {
		t.Errorf("of no values: %v", got)
	}
}

// TestGoals checks that figures are compared within a repetition, and by the unit
// of the goal.
func TestGoals(t *testing.T) {
	t.Parallel()
	measured := results{
		{Work: "a", Program: ours, Conversations: 2000, Samples: []sample{{Wall: 3, CPU: 4, Peak: 70}, {Wall: 8, CPU: 6, Peak: 80}}},
		{Work: "a", Program: "other", Conversations: 2000, Samples: []sample{{Wall: 2}, {Wall: 4}}},
		{Work: "b", Program: ours, Conversations: 2000, Samples: []sample{{Wall: 1.5}, {Wall: 2}, {Wall: 9}}},
	}
	for name, c := range map[string]struct{ got, want []float64 }{
		"Against":     {against("a", "a", "other")(measured), []float64{1.5, 2}},
		"OtherWork":   {against("b", "a", ours)(measured), []float64{0.5, 0.25}},
		"Per1000":     {per1000("a")(measured), []float64{2, 3}},
		"Own":         {own("a", peak)(measured), []float64{70, 80}},
		"Compared":    {compared("a", "b", wall)(measured), []float64{2, 4}},
		"Millisecond": {milliseconds("b")(measured), []float64{1500, 2000, 9000}},
		"NotMeasured": {per1000("c")(measured), nil},
		"NoOther":     {against("a", "a", "none")(measured), nil},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%s: %v, want %v", name, c.got, c.want)
		}
	}
}

func TestBenchText(t *testing.T) {
	t.Parallel()
	text := benchText(results{{Work: "year/100/next", Program: ours, Samples: []sample{{Wall: 0.25, CPU: 0.5, Peak: 70, Files: 12}}}})
	want := "BenchmarkYear/100/next/convsync\t1\t250000000 ns/op\t0.500 CPU-s\t70.0 peak-MB\t0.0 written-MB\t12 files\t0.0 disk-MB\t0.00 WAL-MB\n"
	if !strings.HasSuffix(text, want) {
		t.Errorf("got %q, want the end %q", text, want)
	}
}

func TestVariant(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		v    variant
		want int
	}{
		"Newest": {variant{Newest: 20}, 20},
		"Every":  {variant{Every: 100}, 20},
		"Both":   {variant{Newest: 160, Every: 100}, 178}, // two of the newest are among each hundredth
		"None":   {variant{}, 0},
	} {
		if got := c.v.changes(2000); got != c.want {
			t.Errorf("%s: %d conversations, want %d", name, got, c.want)
		}
	}
}

// TestVerdicts checks that goals are judged at full scale only.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	measured := results{{Work: "year/100", Program: ours, Samples: []sample{{Files: 6001, Disk: 150}}}}
	for scale, want := range map[float64][2]string{1: {"NOT MET", "met"}, 0.5: {"scaled", "scaled"}} {
		var b strings.Builder
		verdicts(&b, measured, scale)
		lines := strings.Split(b.String(), "\n")[2:]
		if !strings.Contains(lines[0], " files ") || !strings.Contains(lines[0], want[0]) || !strings.Contains(lines[1], " "+want[1]+" ") {
			t.Errorf("scale %v: %q, want %v", scale, lines, want)
		}
	}
}
