package postgres

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// writerLock is the name of the one row of sync_locks.
const writerLock = "writer"

var errTakenOver = errors.New("another run has taken over the writing")

// writer is the one writer of the schema.
type writer struct {
	*Database
	owner  load.Owner
	epoch  int64
	lock   *pgx.Conn // the session of the advisory lock
	holds  bool      // whether the lock was taken
	erased bool      // whether there are tombstones

	rejected rejected

	finished     bool
	environments map[string][]string // by project, in the order configured
	months       months

	mu     sync.Mutex
	counts map[load.StretchID]*load.Counts
}

// Begin takes the advisory lock of the schema's writer, on a connection of its
// own, and raises the epoch.
func (d *Database) Begin(ctx context.Context, owner load.Owner) (load.Writer, error) {
	conn, err := d.connect(ctx)
	if err != nil {
		return nil, d.describe(err)
	}
	w := &writer{Database: d, owner: owner, lock: conn, environments: map[string][]string{}, counts: map[load.StretchID]*load.Counts{}}
	if err := w.begin(ctx); err != nil {
		return nil, errors.Join(d.describe(err), w.Close())
	}
	return w, nil
}

func (w *writer) begin(ctx context.Context) error {
	if err := w.checkBeside(ctx, w.lock); err != nil {
		return err
	}
	err := w.takeLock(ctx, func(statement string) error {
		_, err := w.lock.Exec(ctx, statement)
		return err
	})
	if err != nil {
		return err
	}
	w.holds = true
	w.Step("take over")
	err = pgx.BeginFunc(ctx, w.lock, func(tx pgx.Tx) error {
		if err := w.recordKilled(ctx, tx); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `INSERT INTO sync_locks (name, epoch, owner, host, process_id, acquired_at, run_id, version, kind)
			VALUES ($1, 1, nullif($2, ''), nullif($3, ''), $4, $5, $6, nullif($7, ''), nullif($8, ''))
			ON CONFLICT (name) DO UPDATE SET epoch = sync_locks.epoch + 1, owner = excluded.owner, host = excluded.host,
				process_id = excluded.process_id, acquired_at = excluded.acquired_at, run_id = excluded.run_id,
				version = excluded.version, kind = excluded.kind
			RETURNING epoch`, writerLock, w.owner.Actor, w.owner.Host, w.owner.ProcessID, w.owner.Started.Time(), w.owner.RunID,
			w.owner.Version, w.owner.Kind).Scan(&w.epoch)
	})
	if err != nil {
		return w.locked(ctx, err) // by a commit of the last writer's, which hangs
	}
	if w.months.made, err = madeMonths(ctx, w.lock); err != nil {
		return err
	}
	if err := w.rejected.read(ctx, w.lock); err != nil {
		return err
	}
	return w.lock.QueryRow(ctx, "SELECT EXISTS (SELECT FROM erasures)").Scan(&w.erased)
}

// recordKilled gives the last writer its row in sync_runs if it died without.
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
	_, err = copyRows(ctx, tx, syncRuns, func(yield func(*warehouse.SyncRun) bool) { yield(&killed) })
	return err
}

// Close frees the lock. Nothing is committed any more.
func (w *writer) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if w.finished {
		// For those who look: the run has its row in sync_runs.
		_, _ = w.lock.Exec(ctx, `UPDATE sync_locks SET owner = NULL, host = NULL, process_id = NULL, acquired_at = NULL, run_id = NULL,
			version = NULL, kind = NULL WHERE name = $1 AND epoch = $2`, writerLock, w.epoch)
	}
	if w.holds {
		w.freeLock(ctx, w.lock)
	}
	w.lock.Close(ctx) //nolint:errcheck // the session ends, and frees the lock, in any case
	return nil
}

// transact runs work and then last in a transaction that commits only while
// the epoch is ours. From before last to the commit no other transaction of a
// writer is there: what last numbers is numbered in the order of commits.
func (w *writer) transact(ctx context.Context, step string, work, last func(pgx.Tx) error) error {
	w.Step(step)
	return pgx.BeginTxFunc(ctx, w.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		if err := work(tx); err != nil {
			return err
		}
		var epoch int64
		var mark string
		err := tx.QueryRow(ctx, "SELECT epoch, "+askMark+" FROM sync_locks WHERE name = $1 FOR UPDATE", writerLock).Scan(&epoch, &mark)
		if err != nil {
			return err
		}
		if err := w.ownSession(tx.Conn(), mark); err != nil {
			return err
		}
		if epoch != w.epoch {
			return &load.StateError{
				What: w.where, Err: errTakenOver,
				Hint: "this run lost its lock, perhaps while the machine slept; what it published is kept, and the other run goes on from there",
			}
		}
		if err := last(tx); err != nil {
			return err
		}
		w.Step("commit: " + step)
		return nil
	})
}
