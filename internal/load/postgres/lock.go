package postgres

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// Names of the locks in sync_locks: of the whole destination, whose row also has
// the epoch counter, and of a project, followed by its id.
const (
	writerLock  = "writer"
	projectLock = "project:"
)

// projectOf returns the project of a lock; "" for that of the destination.
func projectOf(lock string) string {
	project, _ := strings.CutPrefix(lock, projectLock)
	if project == lock {
		return ""
	}
	return project
}

// advisoryKey returns the key of an advisory lock of the schema.
func (d *Database) advisoryKey(of string) int64 {
	h := fnv.New64a()
	h.Write([]byte("convsync " + of + " of " + d.Schema))
	return int64(h.Sum64())
}

// lockKey returns the key of the advisory lock of the schema. Writers of projects
// share it. A writer of the whole destination takes it exclusively, and so do
// migrations, so that no run writes while the layout changes, and older versions.
func (d *Database) lockKey() int64 { return d.advisoryKey("writer") }

// layoutKey returns the key of the transaction lock of changes of the layout that
// writers of different projects can make, such as adding a month.
func (d *Database) layoutKey() int64 { return d.advisoryKey("layout") }

// changesKey returns the key of the transaction lock under which all writers
// assign sequence numbers of changes.
func (d *Database) changesKey() int64 { return d.advisoryKey("changes") }

// expiryKey returns the key of the transaction lock of what deletes expired rows.
func (d *Database) expiryKey() int64 { return d.advisoryKey("expiry") }

// keyOfLock returns the key of the advisory lock that protects a row of
// sync_locks. Two projects may have the same key: they exclude each other.
func (d *Database) keyOfLock(name string) int64 {
	if name == writerLock {
		return d.lockKey()
	}
	return d.advisoryKey(name)
}

// takeLock waits in the session of exec for the lock of the schema. The session
// keeps the timeout for all locks.
func (d *Database) takeLock(exec func(statement string) error, shared string, timeout time.Duration) error {
	err := exec(fmt.Sprintf("SET lock_timeout = %d", timeout.Milliseconds()))
	if err == nil {
		err = exec(fmt.Sprintf("SELECT pg_advisory_lock%s(%d)", shared, d.lockKey()))
	}
	return err
}

// Suffixes of the functions that take the lock of the schema.
const (
	exclusively = ""
	asOneOfMany = "_shared"
)

// lockTimeout returns LockWait within the range of Postgres' lock_timeout.
func (d *Database) lockTimeout() time.Duration {
	return min(max(d.LockWait, time.Millisecond), 24*24*time.Hour)
}

// freeLocks frees all locks of the session immediately: the server ends a session
// some time after its client has closed it, and a pooler may keep it. If freeLocks
// fails, the end of the session frees them. It checks the mark of the session,
// because a pooler might connect us to that of another writer.
func (d *Database) freeLocks(ctx context.Context, conn *pgx.Conn) {
	mark, _ := conn.PgConn().CustomData()[sessionMark].(string)
	// A single statement, so that check and unlock are in the same session.
	_, _ = conn.Exec(ctx, fmt.Sprintf("SELECT pg_advisory_unlock_all() WHERE %s = '%s'", askMark, mark))
}

// locked replaces a lock timeout by an error that names the project and the owner
// of a lock, as far as they are known: the first of the locks that is held.
func (d *Database) locked(ctx context.Context, err error, locks ...string) error {
	if !hasCode(err, codeLockNotAvailable) {
		return err
	}
	locked := &load.LockedError{Where: d.where}
	if len(locks) == 1 {
		locked.Project = projectOf(locks[0])
	}
	owners, failed := selectOwners(ctx, d.pool, "WHERE name = ANY($1) AND run_id IS NOT NULL", locks)
	if failed == nil && len(owners) > 0 {
		locked.Project, locked.Owner = projectOf(owners[0].lock), owners[0].Owner
	}
	return locked
}

// lockedByAny is locked for the lock of the schema, taken exclusively. The writers
// of several projects may have it; the error names one.
func (d *Database) lockedByAny(ctx context.Context, err error) error {
	if !hasCode(err, codeLockNotAvailable) {
		return err
	}
	locked := &load.LockedError{Where: d.where}
	held, failed := d.heldKeys(ctx)
	if failed != nil {
		return locked
	}
	owners, _ := selectOwners(ctx, d.pool, "WHERE run_id IS NOT NULL")
	for _, o := range owners {
		if held[d.keyOfLock(o.lock)] { // others were killed
			locked.Owner = o.Owner
		}
	}
	return locked
}

// heldKeys returns the keys of all advisory locks of the database.
func (d *Database) heldKeys(ctx context.Context) (map[int64]bool, error) {
	rows, err := d.pool.Query(ctx, "SELECT "+keyInLocks+" FROM pg_locks WHERE "+isAdvisory)
	if err != nil {
		return nil, err
	}
	keys, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	held := map[int64]bool{}
	for _, key := range keys {
		held[key] = true
	}
	return held, err
}

// Expressions about a row of pg_locks: whether it is one of our advisory locks,
// and its key.
const (
	isAdvisory = "locktype = 'advisory' AND granted AND objsubid = 1 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
	keyInLocks = "((classid::bigint << 32) | objid::bigint)"
)

// lockOwner is the run that took a lock last.
type lockOwner struct {
	load.Owner
	lock  string
	epoch int64
}

// selectOwners returns the owners of locks, by the name of the lock.
func selectOwners(ctx context.Context, q querier, where string, args ...any) (owners []lockOwner, err error) {
	err = selectAll(ctx, q, &warehouse.SyncLocks, where, func(l *warehouse.SyncLock) {
		owners = append(owners, lockOwner{lock: l.Name, epoch: l.Epoch, Owner: load.Owner{
			RunID:     string(l.RunID),
			Actor:     string(l.Owner),
			Host:      string(l.Host),
			Version:   string(l.Version),
			Kind:      string(l.Kind),
			ProcessID: int(l.ProcessID.V),
			Started:   l.AcquiredAt.V,
		}})
	}, args...)
	slices.SortFunc(owners, func(a, b lockOwner) int { return cmp.Compare(a.lock, b.lock) })
	return owners, err
}
