package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// expire deletes expired rows at the end of a run.
func expire(ctx context.Context, tx pgx.Tx, run *warehouse.SyncRun) error {
	if err := thinRuns(ctx, tx); err != nil {
		return err
	}
	ages, ok := load.AgesAt(run)
	if !ok {
		return nil
	}
	batch := &pgx.Batch{}
	// Everything that was written before an expired run is expired, too: a row
	// that was dated by a wrong clock does not keep other rows.
	const older = "FROM sync_runs WHERE source_at < $1 AND finished_at < $2"
	source, local := ages.Cutoffs(load.KeepChanges)
	batch.Queue("DELETE FROM changes WHERE sequence <= (SELECT max(last_change) "+older+")", source.Time(), local.Time())
	source, local = ages.Cutoffs(load.KeepRuns)
	batch.Queue(`DELETE FROM sync_runs r USING (SELECT max(epoch) AS epoch `+older+`) o
		WHERE r.epoch <= o.epoch OR r.epoch IS NULL AND o.epoch IS NOT NULL`, source.Time(), local.Time())
	batch.Queue("DELETE FROM rejects r USING erasures e WHERE r.project_id = e.project_id AND r.conversation_id = e.conversation_id")
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return err
	}
	from, until := ages.Day()
	var pruned bool // by an earlier run of the day
	err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM sync_runs WHERE source_at >= $1 AND source_at < $2)", from.Time(), until.Time()).Scan(&pruned)
	if err != nil || pruned {
		return err
	}
	return expireByAge(ctx, tx, ages)
}

// expireByAge deletes the rows that are too old. A row that is dated in the
// future would never expire, and gets the latest possible time.
func expireByAge(ctx context.Context, tx pgx.Tx, ages load.Ages) error {
	batch := &pgx.Batch{}
	latest := ages.Latest().Time()
	batch.Queue("UPDATE webhook_events SET received_at = $1 WHERE received_at > $1 AND state <> $2", latest, warehouse.EventWaiting)
	batch.Queue("DELETE FROM webhook_events WHERE received_at < $1 AND state <> $2", ages.Cutoff(load.KeepEvents).Time(), warehouse.EventWaiting)
	batch.Queue("UPDATE active_alerts SET updated_at = $1 WHERE updated_at > $1", latest)
	batch.Queue("DELETE FROM active_alerts WHERE updated_at < $1 AND (status = $2 OR updated_at < $3)",
		ages.Cutoff(load.KeepAlerts).Time(), warehouse.AlertResolved, ages.Cutoff(load.KeepRuns).Time())
	batch.Queue("UPDATE schema_drift SET last_seen_at = $1, first_seen_at = least(first_seen_at, $1) WHERE last_seen_at > $1", latest)
	batch.Queue("DELETE FROM schema_drift WHERE last_seen_at < $1", ages.Cutoff(load.KeepDrift).Time())
	batch.Queue("UPDATE rejects SET last_seen_at = $1, first_seen_at = least(first_seen_at, $1) WHERE last_seen_at > $1", latest)
	batch.Queue("DELETE FROM rejects WHERE last_seen_at < $1", ages.Cutoff(load.KeepRejects).Time())
	return tx.SendBatch(ctx, batch).Close()
}

// thinRuns bounds the number of runs, independent of their times.
func thinRuns(ctx context.Context, tx pgx.Tx) error {
	var runs int
	if err := tx.QueryRow(ctx, "SELECT count(*) FROM sync_runs").Scan(&runs); err != nil || runs < load.MaxRuns {
		return err
	}
	_, err := tx.Exec(ctx, `DELETE FROM sync_runs r USING (
			SELECT run_id, row_number() OVER newest AS position,
				(started_at AT TIME ZONE 'UTC')::date = lag((started_at AT TIME ZONE 'UTC')::date) OVER newest AS again
			FROM sync_runs WINDOW newest AS (ORDER BY `+newestFirst+`)) o
		WHERE r.run_id = o.run_id AND o.position >= $1 AND o.again`, load.FullRuns)
	return err
}
