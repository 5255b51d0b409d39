package postgres

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// writerLock is the name of the one row of sync_locks.
const writerLock = "writer"

// writer is the [load.Writer] of the schema. There is one at a time.
type writer struct {
	*Database
	owner   load.Owner
	lock    *lockSession
	server  *server // the server on which the run began
	epoch   int64
	commits commitCount
	over    atomic.Pointer[load.StateError] // set when nothing more may be written
	erased  atomic.Bool                     // whether tombstones exist

	rejected rejected

	finished     bool
	environments map[string][]string // by project, in configured order
	months       months

	mu     sync.Mutex
	counts map[load.WindowID]*load.Counts
}

// Begin takes the advisory lock of the schema's writer, on a connection of its
// own, and raises the epoch.
func (d *Database) Begin(ctx context.Context, owner load.Owner, _ ...string) (load.Writer, error) {
	lock, err := d.openLockSession(ctx)
	if err != nil {
		return nil, d.describe(err)
	}
	w := &writer{Database: d, owner: owner, lock: lock, environments: map[string][]string{}, counts: map[load.WindowID]*load.Counts{}}
	if err := w.begin(ctx); err != nil {
		return nil, errors.Join(d.describe(err), w.Close())
	}
	return w, nil
}

func (w *writer) begin(ctx context.Context) error {
	conn := w.lock.conn
	if err := w.checkSessionsWith(ctx, conn, 2); err != nil {
		return err
	}
	if err := w.lock.take(ctx); err != nil {
		return err
	}
	on := serverOf(conn)
	w.server = &on
	w.writing.Store(w.server)
	w.Step("take over")
	if err := w.takeOver(ctx, conn); err != nil {
		return w.locked(ctx, err) // by a hanging commit of the previous writer
	}
	if err := w.months.read(ctx, conn); err != nil {
		return err
	}
	if err := w.rejected.read(ctx, conn); err != nil {
		return err
	}
	var erased bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM erasures)").Scan(&erased); err != nil {
		return err
	}
	w.erased.Store(erased)
	w.lock.watch(ctx)
	return nil
}

// takeOver makes this run the writer: later commits of another writer fail.
func (w *writer) takeOver(ctx context.Context, conn *pgx.Conn) error {
	return pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		if err := w.recordKilled(ctx, tx); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `INSERT INTO sync_locks (name, epoch, owner, host, process_id, acquired_at, run_id, version, kind, commits)
			VALUES ($1, 1, nullif($2, ''), nullif($3, ''), $4, $5, $6, nullif($7, ''), nullif($8, ''), 1)
			ON CONFLICT (name) DO UPDATE SET epoch = sync_locks.epoch + 1, owner = excluded.owner, host = excluded.host,
				process_id = excluded.process_id, acquired_at = excluded.acquired_at, run_id = excluded.run_id,
				version = excluded.version, kind = excluded.kind, commits = sync_locks.commits + 1
			RETURNING epoch, commits`, writerLock, w.owner.Actor, w.owner.Host, w.owner.ProcessID, w.owner.Started.Time(), w.owner.RunID,
			w.owner.Version, w.owner.Kind).Scan(&w.epoch, &w.commits.confirmed)
	})
}

// recordKilled adds the row in sync_runs of the previous writer if it was
// killed.
func (w *writer) recordKilled(ctx context.Context, tx pgx.Tx) error {
	o, held, err := lastOwner(ctx, tx)
	if err != nil || !held {
		return err
	}
	var recorded bool
	if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM sync_runs WHERE run_id = $1)", o.RunID).Scan(&recorded); err != nil || recorded {
		return err
	}
	killed := load.KilledRun(&o)
	if err := tx.QueryRow(ctx, "SELECT epoch FROM sync_locks WHERE name = $1", writerLock).Scan(&killed.Epoch.V); err != nil {
		return err
	}
	killed.Epoch.Valid = true
	_, err = copyRows(ctx, tx, syncRuns, func(yield func(*warehouse.SyncRun) bool) { yield(&killed) })
	return err
}

// Lost implements [load.Watched].
func (w *writer) Lost() <-chan error { return w.lock.lost }

// Close frees the lock. Later commits fail.
func (w *writer) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	w.lock.unwatch()
	w.writing.CompareAndSwap(w.server, nil)
	if w.finished {
		// For users of sync_locks only: the run has its row in sync_runs.
		_, _ = w.lock.conn.Exec(ctx, `UPDATE sync_locks SET owner = NULL, host = NULL, process_id = NULL, acquired_at = NULL, run_id = NULL,
			version = NULL, kind = NULL WHERE name = $1 AND epoch = $2 AND run_id = $3`, writerLock, w.epoch, w.owner.RunID)
	}
	w.lock.close(ctx)
	return nil
}
