package postgres

import (
	"context"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// lockKey returns the key of the advisory lock of the schema's writer.
// Migrations take it, too, so that no run writes while the layout changes.
func (d *Database) lockKey() int64 {
	h := fnv.New64a()
	h.Write([]byte("convsync writer of " + d.Schema))
	return int64(h.Sum64())
}

// takeLock waits for the lock in the session of exec, for at most LockWait. The
// session keeps this timeout for all locks.
func (d *Database) takeLock(ctx context.Context, exec func(statement string) error) error {
	err := exec(fmt.Sprintf("SET lock_timeout = %d", d.lockTimeout().Milliseconds()))
	if err == nil {
		err = exec(fmt.Sprintf("SELECT pg_advisory_lock(%d)", d.lockKey()))
	}
	return d.locked(ctx, err)
}

// lockTimeout returns LockWait within the range of Postgres' lock_timeout.
func (d *Database) lockTimeout() time.Duration {
	return min(max(d.LockWait, time.Millisecond), 24*24*time.Hour)
}

// freeLock frees the lock immediately: the server ends a session some time
// after its client has closed it, and a pooler may keep it. If freeLock fails,
// the end of the session frees the lock. It checks the mark of the session,
// because a pooler might connect us to that of another writer.
func (d *Database) freeLock(ctx context.Context, conn *pgx.Conn) {
	mark, _ := conn.PgConn().CustomData()[sessionMark].(string)
	// A single statement, so that check and unlock are in the same session.
	_, _ = conn.Exec(ctx, fmt.Sprintf("SELECT pg_advisory_unlock(%d) WHERE %s = '%s'", d.lockKey(), askMark, mark))
}

// locked replaces a lock timeout by an error that names the owner of the lock.
func (d *Database) locked(ctx context.Context, err error) error {
	if hasCode(err, codeLockNotAvailable) {
		return &load.LockedError{Where: d.where, Owner: d.holder(ctx)}
	}
	return err
}

// holder returns the owner of the lock, as far as it is known.
func (d *Database) holder(ctx context.Context) load.Owner {
	o, _, err := lastOwner(ctx, d.pool)
	if err != nil {
		return load.Owner{}
	}
	return o
}

// lastOwner returns the run that took the lock last, unless it finished.
func lastOwner(ctx context.Context, q querier) (o load.Owner, held bool, err error) {
	err = selectAll(ctx, q, &warehouse.SyncLocks, "WHERE name = $1 AND run_id IS NOT NULL", func(l *warehouse.SyncLock) {
		held = true
		o = load.Owner{
			RunID: string(l.RunID), Actor: string(l.Owner), Host: string(l.Host), Version: string(l.Version), Kind: string(l.Kind),
			ProcessID: int(l.ProcessID.V), Started: l.AcquiredAt.V,
		}
	}, writerLock)
	return o, held, err
}
