package postgres

import (
	"context"
	"fmt"
	"hash/fnv"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// lockKey is the advisory lock of the schema's writer. Migrations take it too:
// nobody writes while the layout changes.
func (d *Database) lockKey() int64 {
	h := fnv.New64a()
	h.Write([]byte("convsync writer of " + d.Schema))
	return int64(h.Sum64())
}

// takeLock waits for the lock, in the session that exec works in, as long as
// the destination's patience, which the session keeps for all locks.
func (d *Database) takeLock(ctx context.Context, exec func(statement string) error) error {
	patience := min(max(d.LockWait, time.Millisecond), 24*24*time.Hour) // what lock_timeout holds
	err := exec(fmt.Sprintf("SET lock_timeout = %d", patience.Milliseconds()))
	if err == nil {
		err = exec(fmt.Sprintf("SELECT pg_advisory_lock(%d)", d.lockKey()))
	}
	return d.locked(ctx, err)
}

// locked turns the end of patience into who holds the lock.
func (d *Database) locked(ctx context.Context, err error) error {
	if hasCode(err, codeLockNotAvailable) {
		return &load.LockedError{Where: d.where, Owner: d.holder(ctx)}
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
