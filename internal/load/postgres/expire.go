package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// expire deletes expired rows at the end of a run, unless another writer does.
func (w *writer) expire(ctx context.Context, tx pgx.Tx, run *warehouse.SyncRun) error {
	var alone bool
	if err := tx.QueryRow(ctx, "SELECT pg_try_advisory_xact_lock($1)", w.expiryKey()).Scan(&alone); err != nil || !alone {
		return err
	}
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
	batch.Queue("DELETE FROM rejects WHERE " + notLocked("rejects r JOIN erasures e USING (project_id, conversation_id)", "r", "true"))
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

// notLocked returns a condition for the rows of a table of an expression that no
// other transaction has locked. Other writers and the inbox change these tables, and
// an expiry that waited for them could be a deadlock. The next one finds the rest.
func notLocked(from, table, where string) string {
	return "ctid = ANY(ARRAY(SELECT " + table + ".ctid FROM " + from + " WHERE " + where + " FOR UPDATE OF " + table + " SKIP LOCKED))"
}

// expireByAge deletes the rows that are too old. A row that is dated in the
// future would never expire, and gets the latest possible time.
func expireByAge(ctx context.Context, tx pgx.Tx, ages load.Ages) error {
	batch := &pgx.Batch{}
	latest := ages.Latest().Time()
	change := func(verb, table, set, where string, args ...any) {
		batch.Queue(verb+" "+table+" "+set+"WHERE "+notLocked(table, table, where), args...)
	}
	change("UPDATE", "webhook_events", "SET received_at = $1 ", "received_at > $1 AND state <> $2", latest, warehouse.EventWaiting)
	change("DELETE FROM", "webhook_events", "", "received_at < $1 AND state <> $2", ages.Cutoff(load.KeepEvents).Time(), warehouse.EventWaiting)
	change("UPDATE", "active_alerts", "SET updated_at = $1 ", "updated_at > $1", latest)
	change("DELETE FROM", "active_alerts", "", "updated_at < $1 AND (status = $2 OR updated_at < $3)",
		ages.Cutoff(load.KeepAlerts).Time(), warehouse.AlertResolved, ages.Cutoff(load.KeepRuns).Time())
	const future = "SET last_seen_at = $1, first_seen_at = least(first_seen_at, $1) "
	change("UPDATE", "schema_drift", future, "last_seen_at > $1", latest)
	change("DELETE FROM", "schema_drift", "", "last_seen_at < $1", ages.Cutoff(load.KeepDrift).Time())
	change("UPDATE", "rejects", future, "last_seen_at > $1", latest)
	change("DELETE FROM", "rejects", "", "last_seen_at < $1", ages.Cutoff(load.KeepRejects).Time())
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
