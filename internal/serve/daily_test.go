package serve

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// daySource returns days, and records the requests.
type daySource struct {
	days        []load.Day
	err         error
	feeds       []load.Feed
	from, until warehouse.Timestamp
}

func (d *daySource) Daily(_ context.Context, feeds []load.Feed, from, until warehouse.Timestamp) ([]load.Day, error) {
	d.feeds, d.from, d.until = feeds, from, until
	return d.days, d.err
}

func TestChartsHaveTheLastDays(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 30, 1, 30, 0, 0, time.FixedZone("east", 3*3600)) // still the 29th by UTC
	day := func(of int) warehouse.Timestamp {
		return warehouse.TimestampOf(time.Date(2026, 3, of, 0, 0, 0, 0, time.UTC))
	}
	d := &daySource{days: []load.Day{
		{
			Start:             day(1),
			Conversations:     4,
			Handoffs:          1,
			HandoffsKnown:     3,
			LatencyTurns:      9,
			LatencyP50Seconds: warehouse.Some(0.8),
			LatencyP95Seconds: warehouse.Some(2.5),
		},
		{Start: day(29), Conversations: 2},
	}}
	feeds := []load.Feed{{ProjectID: "p", Environment: "live"}}
	charts, err := dailyCharts(t.Context(), d, feeds, now)
	if err != nil {
		t.Fatal(err)
	}
	if d.from != warehouse.TimestampOf(time.Date(2026, 2, 28, 0, 0, 0, 0, time.UTC)) || d.until != day(30) || len(d.feeds) != 1 {
		t.Errorf("asked from %s until %s", d.from.Time(), d.until.Time())
	}
	for _, c := range []struct {
		chart, series, day int
		want               float64
	}{
		{0, 0, 0, 0}, {0, 0, 1, 4}, {0, 0, 2, 0}, {0, 0, 29, 2},
		{1, 0, 1, 0.8}, {1, 1, 1, 2.5}, {1, 0, 29, math.NaN()}, {1, 1, 0, math.NaN()},
		{2, 0, 1, 100.0 / 3}, {2, 0, 29, math.NaN()},
	} {
		got := charts[c.chart].Series[c.series].value(c.day)
		if got != c.want && !(math.IsNaN(got) && math.IsNaN(c.want)) {
			t.Errorf("chart %d, series %d, day %d has %g, want %g", c.chart, c.series, c.day, got, c.want)
		}
	}
	for _, c := range charts {
		if n := len(c.Days); n != 30 || !c.Days[n-1].Equal(day(29).Time()) {
			t.Errorf("%s has %d days up to %s", c.Title, n, c.Days[n-1])
		}
	}
}

func TestADestinationWithoutDaysSaysWhy(t *testing.T) {
	t.Parallel()
	if _, err := DailyCharts(&daySource{err: errAway}, nil)(t.Context()); !errors.Is(err, errAway) {
		t.Errorf("got %v", err)
	}
	charts, err := DailyCharts(&daySource{}, []Feed{{ProjectID: "p"}})(t.Context())
	if err != nil || len(charts) != 3 {
		t.Fatal(charts, err)
	}
	if said := newChartView("c", &charts[1]).Alt; !strings.Contains(said, "p50: none") {
		t.Errorf("its text is %q", said)
	}
}
