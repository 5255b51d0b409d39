package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"convsync/internal/warehouse"
)

// keepChanges is how long the feed of changes reaches back.
const keepChanges = 90 * 24 * time.Hour

var syncRuns = newCopier(&warehouse.SyncRuns)

// Finish records the end of the run, and lets old changes go. A run that ends
// because its lock's session is gone is recorded, too, unless another one has
// taken over.
func (w *writer) Finish(ctx context.Context, run *warehouse.SyncRun) error {
	w.makeMonthsAhead(ctx)
	err := w.commit(ctx, &guarded{step: "finish", work: func(tx pgx.Tx) error {
		// at grows with sequence, but for clocks that are set back: the walk
		// along the key ends at the first change that is kept.
		_, err := tx.Exec(ctx, `DELETE FROM changes WHERE at < $1 AND sequence <
			coalesce((SELECT sequence FROM changes WHERE at >= $1 ORDER BY sequence LIMIT 1), 9223372036854775807)`,
			w.now().Time().Add(-keepChanges))
		if err != nil {
			return err
		}
		return w.expireEvents(ctx, tx)
	}, last: func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM sync_runs WHERE run_id = $1", run.RunID); err != nil {
			return err
		}
		_, err := copyRows(ctx, tx, syncRuns, func(yield func(*warehouse.SyncRun) bool) { yield(run) })
		return err
	}})
	w.finished = w.finished || err == nil
	return w.describe(err)
}

// Runs lists the last runs, newest first.
func (d *Database) Runs(ctx context.Context, limit int) (runs []warehouse.SyncRun, err error) {
	if ready, err := d.ready(ctx); err != nil || !ready {
		return nil, err
	}
	err = selectAll(ctx, d.pool, &warehouse.SyncRuns, "ORDER BY started_at DESC, run_id DESC LIMIT $1",
		func(r *warehouse.SyncRun) { runs = append(runs, *r) }, limit)
	return runs, d.describe(err)
}
