package load

import (
	"context"

	"convsync/internal/warehouse"
)

// Reporter reads what reports show, such as `status` and the status page.
type Reporter interface {
	// Summary counts what is stored of each feed, for reports.
	Summary(ctx context.Context, feeds []Feed) (map[Feed]FeedSummary, error)
	// Runs lists the last runs, newest first.
	Runs(ctx context.Context, limit int) ([]warehouse.SyncRun, error)
}

// DayReader reads the figures of days, for charts.
type DayReader interface {
	// Daily counts the conversations of all the feeds together, by the UTC day of
	// their start, for the days that begin within [from, until), oldest first.
	// Conversations that are missing at the source do not count, and days without
	// any conversation are left out.
	Daily(ctx context.Context, feeds []Feed, from, until warehouse.Timestamp) ([]Day, error)
}

// FeedSummary counts what is stored of a feed.
type FeedSummary struct {
	Conversations int64
	Hidden        int64               // of these, with a hidden transcript, whether kept or not
	Newest        warehouse.Timestamp // start of the newest conversation; 0: none
	Missing       int64               // of these, no longer listed by the source
	Rejects       int64
	Drift         []warehouse.Drift // by path
	Lateness      []warehouse.Lateness
}

// Day is the summary of the conversations of a UTC day.
type Day struct {
	Start         warehouse.Timestamp // its midnight
	Conversations int64
	Handoffs      int64 // of these, handed over
	HandoffsKnown int64 // of these, with a known handoff status
	// LatencyTurns is the number of turns with a latency. The percentiles are
	// over these, by nearest rank, and NULL when there are none.
	LatencyTurns                         int64
	LatencyP50Seconds, LatencyP95Seconds warehouse.Null[float64]
}
