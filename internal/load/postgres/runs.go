package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"convsync/internal/warehouse"
)

var syncRuns = newCopier(&warehouse.SyncRuns)

// Finish records the end of the run, and deletes expired rows. A run that ends
// because its lock session ended is recorded as well, unless another run has
// taken over.
func (w *writer) Finish(ctx context.Context, run *warehouse.SyncRun) error {
	ctx = context.WithoutCancel(ctx)
	w.makeMonthsAhead(ctx)
	err := w.commit(ctx, &guarded{step: "finish", locks: w.lock.names, work: func(tx pgx.Tx) error {
		return w.expire(ctx, tx, run)
	}, last: func(tx pgx.Tx) error {
		run.Epoch = warehouse.Some(w.epoch)
		var last *int64
		if err := tx.QueryRow(ctx, "SELECT max(sequence) FROM changes").Scan(&last); err != nil {
			return err
		}
		if last != nil {
			run.LastChange = warehouse.Some(*last)
		}
		if _, err := tx.Exec(ctx, "DELETE FROM sync_runs WHERE run_id = $1", run.RunID); err != nil {
			return err
		}
		_, err := copyRows(ctx, tx, syncRuns, []any{run})
		return err
	}})
	w.finished = w.finished || err == nil
	return w.describe(err)
}

// newestFirst orders runs. It depends on a clock only for runs of older
// versions, which have no epoch.
const newestFirst = "epoch DESC NULLS LAST, started_at DESC, run_id DESC"

// Runs lists the last runs, newest first.
func (d *Database) Runs(ctx context.Context, limit int) (runs []warehouse.SyncRun, err error) {
	if ready, err := d.ready(ctx); err != nil || !ready {
		return nil, err
	}
	err = selectAll(ctx, d.pool, &warehouse.SyncRuns, "ORDER BY "+newestFirst+" LIMIT $1",
		func(r *warehouse.SyncRun) { runs = append(runs, *r) }, limit)
	return runs, d.describe(err)
}
