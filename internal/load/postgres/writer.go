package postgres

import (
	"context"
	"errors"
	"fmt"
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
	lock   *pgx.Conn // holds the advisory lock
	erased bool      // whether there are tombstones

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
	if err := w.takeLock(ctx); err != nil {
		return err
	}
	w.Step("take over")
	err := pgx.BeginFunc(ctx, w.lock, func(tx pgx.Tx) error {
		if err := w.recordKilled(ctx, tx); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `INSERT INTO sync_locks (name, epoch, owner, host, process_id, acquired_at, run_id)
			VALUES ($1, 1, $2, $3, $4, $5, $6)
			ON CONFLICT (name) DO UPDATE SET epoch = sync_locks.epoch + 1, owner = excluded.owner, host = excluded.host,
				process_id = excluded.process_id, acquired_at = excluded.acquired_at, run_id = excluded.run_id
			RETURNING epoch`,
			writerLock, w.owner.Actor, w.owner.Host, w.owner.ProcessID, w.owner.Started.Time(), w.owner.RunID).Scan(&w.epoch)
	})
	if err != nil {
		return err
	}
	if w.months.made, err = madeMonths(ctx, w.lock); err != nil {
		return err
	}
	return w.lock.QueryRow(ctx, "SELECT EXISTS (SELECT FROM erasures)").Scan(&w.erased)
}

// takeLock waits for the advisory lock, as long as the destination's patience.
func (w *writer) takeLock(ctx context.Context) error {
	patience := min(max(w.LockWait, time.Millisecond), 24*24*time.Hour) // what lock_timeout holds
	_, err := w.lock.Exec(ctx, fmt.Sprintf("SET lock_timeout = %d", patience.Milliseconds()))
	if err == nil {
		_, err = w.lock.Exec(ctx, "SELECT pg_advisory_lock($1)", w.lockKey())
	}
	if hasCode(err, codeLockNotAvailable) {
		return &load.LockedError{Where: w.where, Owner: w.holder(ctx)}
	}
	if err == nil {
		_, err = w.lock.Exec(ctx, "SET lock_timeout = 0")
	}
	return err
}

// holder is who holds the lock, as far as is known.
func (d *Database) holder(ctx context.Context) (o load.Owner) {
	var since time.Time
	err := d.pool.QueryRow(ctx, `SELECT owner, host, process_id, acquired_at, run_id FROM sync_locks
		WHERE name = $1 AND run_id IS NOT NULL`, writerLock).Scan(&o.Actor, &o.Host, &o.ProcessID, &since, &o.RunID)
	if err != nil {
		return load.Owner{}
	}
	o.Started = warehouse.TimestampOf(since)
	return o
}

// recordKilled gives the last writer its row in sync_runs if it died without.
func (w *writer) recordKilled(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `INSERT INTO sync_runs (run_id, actor, host, kind, status, started_at, requests, retries, bytes,
			conversations_read, conversations_inserted, conversations_updated, conversations_unchanged, conversations_rejected, drift, error)
		SELECT run_id, owner, host, 'incremental', $2, acquired_at, 0, 0, 0, 0, 0, 0, 0, 0, 0,
			'the run ended without a word; what it published is kept, its counts are not known'
		FROM sync_locks WHERE name = $1 AND run_id IS NOT NULL
		ON CONFLICT (run_id) DO NOTHING`, writerLock, warehouse.RunKilled)
	return err
}

// Close frees the lock.
func (w *writer) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if w.finished {
		// For those who look; the lock itself goes with the connection.
		w.lock.Exec(ctx, `UPDATE sync_locks SET owner = NULL, host = NULL, process_id = NULL, acquired_at = NULL, run_id = NULL
			WHERE name = $1 AND epoch = $2`, writerLock, w.epoch) //nolint:errcheck // the run has its row in sync_runs
	}
	return w.lock.Close(ctx)
}

// transact runs work and then last in a transaction that commits only while
// the epoch is ours. From before last to the commit no other transaction of a
// writer is there: what last numbers is numbered in the order of commits.
func (w *writer) transact(ctx context.Context, step string, work, last func(pgx.Tx) error) error {
	w.Step(step)
	return pgx.BeginFunc(ctx, w.pool, func(tx pgx.Tx) error {
		if err := work(tx); err != nil {
			return err
		}
		var epoch int64
		err := tx.QueryRow(ctx, "SELECT epoch FROM sync_locks WHERE name = $1 FOR UPDATE", writerLock).Scan(&epoch)
		if err != nil {
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

// Register makes the projects known.
func (w *writer) Register(ctx context.Context, projects []load.Project) error {
	stored, err := w.projects(ctx)
	if err != nil {
		return w.describe(err)
	}
	var put []warehouse.Project
	for _, p := range projects {
		s, known := stored[p.ProjectID]
		if known && (s.AccountID != p.AccountID || s.Region != p.Region) {
			return &load.MixedProjectError{ProjectID: p.ProjectID, Stored: origin(s), Configured: origin(p.Project)}
		}
		w.environments[p.ProjectID] = p.Environments
		if !known || s != p.Project {
			put = append(put, p.Project)
		}
	}
	if len(put) == 0 {
		return nil
	}
	return w.describe(w.transact(ctx, "register", func(tx pgx.Tx) error {
		for _, p := range put {
			_, err := tx.Exec(ctx, `INSERT INTO projects (project_id, name, account_id, region, time_zone)
				VALUES ($1, $2, $3, nullif($4, ''), $5)
				ON CONFLICT (project_id) DO UPDATE SET name = excluded.name, time_zone = excluded.time_zone`,
				p.ProjectID, p.Name, p.AccountID, string(p.Region), p.TimeZone)
			if err != nil {
				return err
			}
		}
		return nil
	}, nothing))
}

func nothing(pgx.Tx) error { return nil }

func origin(p warehouse.Project) string {
	return fmt.Sprintf("account %s, region %s", p.AccountID, p.Region)
}

func (d *Database) projects(ctx context.Context) (map[string]warehouse.Project, error) {
	stored := map[string]warehouse.Project{}
	err := selectAll(ctx, d.pool, &warehouse.Projects, "", func(p *warehouse.Project) { stored[p.ProjectID] = *p })
	return stored, err
}
