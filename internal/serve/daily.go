package serve

import (
	"context"
	"math"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// chartedDays is the number of UTC days in the charts, including today.
const chartedDays = 30

// DailyCharts returns a function for [Options.Charts] that charts the last days
// of a destination: all feeds together, without conversations that are missing
// at the source. Days are in UTC because feeds can have different time zones.
func DailyCharts(destination load.DayReader, feeds []Feed) func(ctx context.Context) ([]Chart, error) {
	keys := make([]load.Feed, len(feeds))
	for i := range feeds {
		keys[i] = feeds[i].key()
	}
	return func(ctx context.Context) ([]Chart, error) { return dailyCharts(ctx, destination, keys, time.Now()) }
}

func dailyCharts(ctx context.Context, destination load.DayReader, feeds []load.Feed, now time.Time) ([]Chart, error) {
	tomorrow := now.UTC().Truncate(24*time.Hour).AddDate(0, 0, 1)
	first := tomorrow.AddDate(0, 0, -chartedDays)
	known, err := destination.Daily(ctx, feeds, warehouse.TimestampOf(first), warehouse.TimestampOf(tomorrow))
	if err != nil {
		return nil, err
	}
	byStart := map[warehouse.Timestamp]load.Day{} // a day without conversations has none
	for _, d := range known {
		byStart[d.Start] = d
	}
	days := make([]time.Time, chartedDays)
	conversations, p50, p95, rate := newFigures(), newFigures(), newFigures(), newFigures()
	for i := range days {
		days[i] = first.AddDate(0, 0, i)
		d := byStart[warehouse.TimestampOf(days[i])]
		conversations[i] = float64(d.Conversations)
		if d.LatencyP50Seconds.Valid {
			p50[i], p95[i] = d.LatencyP50Seconds.V, d.LatencyP95Seconds.V
		}
		if d.HandoffsKnown > 0 {
			rate[i] = 100 * float64(d.Handoffs) / float64(d.HandoffsKnown)
		}
	}
	return []Chart{
		{Title: "Conversations per day", Bars: true, Days: days, Series: []Series{{"Conversations", conversations}}},
		{Title: "Latency of the agent's turns", Unit: "s", Days: days, Series: []Series{{"p50", p50}, {"p95", p95}}},
		{Title: "Handoff rate", Unit: "%", Days: days, Series: []Series{{"Handoffs", rate}}},
	}, nil
}

// newFigures returns a series without values.
func newFigures() []float64 {
	figures := make([]float64, chartedDays)
	for i := range figures {
		figures[i] = math.NaN()
	}
	return figures
}
