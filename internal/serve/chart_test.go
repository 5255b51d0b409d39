package serve

import (
	"math"
	"strings"
	"testing"
	"time"
)

func days(n int) (list []time.Time) {
	for i := range n {
		list = append(list, time.Date(2026, 3, 1+i, 0, 0, 0, 0, time.UTC))
	}
	return list
}

func TestALineBreaksWhereNothingIsKnown(t *testing.T) {
	t.Parallel()
	v := newChartView("c", &Chart{Title: "Latency", Unit: "ms", Days: days(6), Series: []Series{
		{"p95", []float64{100, 200, math.NaN(), 400, 300}}, // and none of the last day
	}})
	lines, dots := 0, 0
	for _, s := range v.Shapes {
		if s.Dot {
			dots++
		} else {
			lines++
		}
	}
	if lines != 2 || dots != 4 {
		t.Errorf("%d lines and %d dots", lines, dots)
	}
	if want := "p95: 300 ms on the last day, maximum 400 ms."; v.Alt != want {
		t.Errorf("its text is %q", v.Alt)
	}
	if v.Rows[0].Values[0] != "none" || v.Rows[1].Values[0] != "300 ms" || v.Rows[0].Day != "6 Mar 2026" {
		t.Errorf("the table has %v", v.Rows)
	}
}

func TestChartsStayInTheirFrame(t *testing.T) {
	t.Parallel()
	for _, c := range []Chart{
		{},
		{Bars: true, Days: days(1), Series: []Series{{"none", nil}}},
		{Bars: true, Days: days(2), Series: []Series{{"a", []float64{0, -5}}, {"b", []float64{math.Inf(1), 1e12}}}},
		{Days: days(300), Series: []Series{{"a", []float64{0.001}}, {"b", []float64{math.MaxFloat64 / 1e10}}}},
	} {
		v := newChartView("c", &c)
		for _, s := range v.Shapes {
			if s.X < 0 || s.X+s.Wide > chartWidth || s.Y < frameTop || s.Y+s.High > chartHeight || strings.Contains(s.Points, "NaN") {
				t.Errorf("%+v of %+v", s, c.Series)
			}
		}
	}
}

func TestNumbersInWords(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0 ms", time.Second: "1 second", 90 * time.Second: "1 minute", 150 * time.Minute: "2 hours 30 min", 47 * time.Hour: "47 hours",
		50 * time.Hour: "2 days 2 h", 30 * 24 * time.Hour: "30 days", math.MaxInt64: "more than 30 days",
	} {
		if got := length(d); got != want {
			t.Errorf("%d ns is %q, want %q", d, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000", -100: "-100"} {
		if got := grouped(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}
