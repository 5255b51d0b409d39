package postgres

import (
	"cmp"
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// takeOver makes this run the writer of its projects: later commits of another
// writer of one of them fail, and one that is in progress is awaited.
func (w *writer) takeOver(ctx context.Context, conn *pgx.Conn) error {
	return pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		previous, last, err := w.lockPrevious(ctx, tx)
		if err != nil {
			return err
		}
		if err := recordKilled(ctx, tx, previous); err != nil {
			return err
		}
		w.epoch = last + 1
		if err := w.fence(ctx, tx); err != nil {
			return err
		}
		return w.own(ctx, tx)
	})
}

// lockPrevious locks the rows of the writer's locks, and last that of the
// destination, under which takeovers of different projects continue one at a time.
// A writer of the whole destination locks all rows. It returns the writers that did
// not finish, and the last epoch.
func (w *writer) lockPrevious(ctx context.Context, tx pgx.Tx) (previous []lockOwner, epoch int64, err error) {
	_, err = tx.Exec(ctx, `INSERT INTO sync_locks (name, epoch, commits) SELECT *, 0, 0 FROM unnest($1::text[]) ON CONFLICT (name) DO NOTHING`,
		slices.Compact(append(slices.Clone(w.lock.names), writerLock)))
	if err != nil {
		return nil, 0, err
	}
	own, args := "WHERE name = ANY($1)", []any{w.lock.names}
	if w.lock.isWhole() {
		own, args = "WHERE name <> $1", []any{writerLock}
	}
	if previous, err = selectOwners(ctx, tx, own+` ORDER BY name COLLATE "C" FOR UPDATE`, args...); err != nil {
		return nil, 0, err
	}
	whole, err := selectOwners(ctx, tx, "WHERE name = $1 FOR UPDATE", writerLock)
	if err != nil {
		return nil, 0, err
	}
	previous = append(previous, whole...)
	epoch = whole[0].epoch
	return slices.DeleteFunc(previous, func(o lockOwner) bool { return o.RunID == "" }), epoch, nil
}

// fence makes the commits of other writers fail that this one excludes: of the
// whole destination, or of all projects.
func (w *writer) fence(ctx context.Context, tx pgx.Tx) error {
	others := "name = $2"
	if w.lock.isWhole() {
		others = "name <> $2"
	}
	_, err := tx.Exec(ctx, "UPDATE sync_locks SET epoch = $1, "+free+" WHERE "+others, w.epoch, writerLock)
	return err
}

// free sets the columns of a lock that is not held.
const free = "owner = NULL, host = NULL, process_id = NULL, acquired_at = NULL, run_id = NULL, version = NULL, kind = NULL"

// own stores this run in the rows of its locks, and counts that as a commit.
func (w *writer) own(ctx context.Context, tx pgx.Tx) error {
	o := &w.owner
	rows, err := tx.Query(ctx, `UPDATE sync_locks SET epoch = $2, owner = nullif($3, ''), host = nullif($4, ''), process_id = $5, acquired_at = $6,
			run_id = $7, version = nullif($8, ''), kind = nullif($9, ''), commits = commits + 1
		WHERE name = ANY($1) RETURNING name, commits`,
		w.lock.names, w.epoch, o.Actor, o.Host, o.ProcessID, o.Started.Time(), o.RunID, o.Version, o.Kind)
	if err != nil {
		return err
	}
	var name string
	var commits int64
	_, err = pgx.ForEachRow(rows, []any{&name, &commits}, func() error {
		w.commits[name] = &commitCount{confirmed: commits}
		return nil
	})
	return err
}

// recordKilled adds the rows in sync_runs of writers that were killed. A run that
// had several projects is in several rows of sync_locks, and is recorded with the
// first of them that is taken over. It cannot write the others any more: it had all
// locks in one session, which has ended.
func recordKilled(ctx context.Context, tx pgx.Tx, previous []lockOwner) error {
	slices.SortFunc(previous, func(a, b lockOwner) int { return cmp.Or(cmp.Compare(a.epoch, b.epoch), cmp.Compare(a.RunID, b.RunID)) })
	previous = slices.CompactFunc(previous, func(a, b lockOwner) bool { return a.RunID == b.RunID })
	if len(previous) == 0 {
		return nil
	}
	ids := make([]string, len(previous))
	for i := range previous {
		ids[i] = previous[i].RunID
	}
	rows, err := tx.Query(ctx, "SELECT run_id FROM sync_runs WHERE run_id = ANY($1)", ids)
	if err != nil {
		return err
	}
	recorded, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(recorded) == len(ids) {
		return err
	}
	var missing []any
	for i := range previous {
		killed := load.KilledRun(&previous[i].Owner)
		killed.Epoch = warehouse.Some(previous[i].epoch)
		if !slices.Contains(recorded, killed.RunID) {
			missing = append(missing, &killed)
		}
	}
	_, err = copyRows(ctx, tx, syncRuns, missing)
	return err
}

// leave marks the locks as free, for users of sync_locks only: the run has its row
// in sync_runs.
func (w *writer) leave(ctx context.Context) {
	_, _ = w.lock.conn.Exec(ctx, "UPDATE sync_locks SET "+free+" WHERE name = ANY($1) AND epoch = $2 AND run_id = $3", w.lock.names, w.epoch, w.owner.RunID)
}
