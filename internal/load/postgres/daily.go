package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// Both are bounded by the start, so that only the partitions of these months
// are read. Our sessions use UTC.
const (
	dailyConversations = `SELECT date_trunc('day', started_at), count(*), count(*) FILTER (WHERE handoff), count(handoff)
		FROM conversations JOIN unnest($1::text[], $2::text[]) AS feeds (project_id, environment) USING (project_id, environment)
		WHERE started_at >= $3 AND started_at < $4 AND missing_since IS NULL
		GROUP BY 1 ORDER BY 1`
	dailyLatency = `SELECT date_trunc('day', started_at), count(*),
			percentile_disc(0.50) WITHIN GROUP (ORDER BY latency_seconds), percentile_disc(0.95) WITHIN GROUP (ORDER BY latency_seconds)
		FROM turns JOIN conversations USING (project_id, conversation_id, started_at)
			JOIN unnest($1::text[], $2::text[]) AS feeds (project_id, environment) USING (project_id, environment)
		WHERE started_at >= $3 AND started_at < $4 AND conversations.started_at >= $3 AND conversations.started_at < $4
			AND missing_since IS NULL AND latency_seconds IS NOT NULL
		GROUP BY 1`
)

// Daily counts the conversations of the feeds by UTC day.
func (d *Database) Daily(ctx context.Context, feeds []load.Feed, from, until warehouse.Timestamp) (days []load.Day, err error) {
	if ready, err := d.ready(ctx); err != nil || !ready {
		return nil, err
	}
	environments := make([]string, len(feeds))
	for i, f := range feeds {
		environments[i] = f.Environment
	}
	of := []any{projectsOf(feeds), environments, dayFrom(from), dayFrom(until)}
	moment := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, d.pool, moment, func(tx pgx.Tx) error {
		days, err = readDays(ctx, tx, of)
		return err
	})
	return days, d.describe(err)
}

// dayFrom returns the first midnight at or after a time.
func dayFrom(t warehouse.Timestamp) time.Time {
	const day = 24 * time.Hour
	midnight := t.Time().Truncate(day)
	if midnight.Before(t.Time()) {
		midnight = midnight.Add(day)
	}
	return midnight
}

func readDays(ctx context.Context, tx pgx.Tx, of []any) (days []load.Day, err error) {
	found, err := tx.Query(ctx, dailyConversations, of...)
	if err != nil {
		return nil, err
	}
	at := map[time.Time]int{}
	var start time.Time
	var day load.Day
	_, err = pgx.ForEachRow(found, []any{&start, &day.Conversations, &day.Handoffs, &day.HandoffsKnown}, func() error {
		day.Start, at[start.UTC()] = warehouse.TimestampOf(start), len(days)
		days = append(days, day)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if found, err = tx.Query(ctx, dailyLatency, of...); err != nil {
		return nil, err
	}
	var turns int64
	var p50, p95 float64
	_, err = pgx.ForEachRow(found, []any{&start, &turns, &p50, &p95}, func() error {
		d := &days[at[start.UTC()]]
		d.LatencyTurns, d.LatencyP50Seconds, d.LatencyP95Seconds = turns, warehouse.Some(p50), warehouse.Some(p95)
		return nil
	})
	return days, err
}
