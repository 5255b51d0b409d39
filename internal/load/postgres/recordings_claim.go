package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

var (
	_ load.RecordingClaimer = (*Database)(nil)
	_ load.RecordingClaim   = (*recordingClaim)(nil)
)

// recordingsLock is the name of the advisory lock of a claim, followed by the id of
// the project. It has no row in sync_locks: see [recordingClaim].
const recordingsLock = "recordings:"

// recordingClaim is the [load.RecordingClaim] of a project. It may exist for days,
// so its session does not have the lock of the schema, for which migrations and
// writers of the whole destination would wait. Each transaction takes that lock.
//
// Its transactions need no epoch and no commit counter, because the database can
// lose results: they are then due again. They may run next to those of writers, in
// this order:
//
//  1. The lock of the schema, shared, without waiting.
//  2. The keys of conversations, without waiting: those that are locked are left for
//     a later transaction. A writer locks the key of a conversation before it
//     changes its other rows, so these belong to the transaction from now on.
//  3. References of these conversations, without waiting.
//
// It waits for locked rows between its transactions, and has no locks then.
type recordingClaim struct {
	*Database
	project string
	lock    *lockSession
	layout  int64 // version of the layout when the claim was taken
}

// ClaimRecordings implements [load.RecordingClaimer].
func (d *Database) ClaimRecordings(ctx context.Context, owner load.Owner, project string) (load.RecordingClaim, error) {
	status, err := d.checkLayout(ctx)
	if err != nil {
		return nil, err
	}
	if status.Applied != status.Known {
		return nil, &load.StateError{What: d.where + " has no tables yet", Hint: hints[codeNoTable], Empty: true}
	}
	conn, err := d.connect(ctx)
	if err != nil {
		return nil, d.describe(err)
	}
	c := &recordingClaim{Database: d, project: project, layout: status.Applied, lock: &lockSession{
		Database: d,
		conn:     conn,
		names:    []string{recordingsLock + project},
		claim:    true,
		unwatch:  func() {},
		lost:     make(chan error, 1),
	}}
	if err := c.begin(ctx, owner); err != nil {
		return nil, errors.Join(d.describe(err), c.Close())
	}
	return c, nil
}

func (c *recordingClaim) begin(ctx context.Context, owner load.Owner) error {
	conn := c.lock.conn
	if err := c.checkSessionsWith(ctx, conn, 2); err != nil {
		return err
	}
	c.lock.asked = true
	key, taken := c.keyOfLock(c.lock.names[0]), false
	if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", key).Scan(&taken); err != nil {
		return err
	}
	if !taken {
		return c.claimed(ctx, conn, key)
	}
	if _, err := conn.Exec(ctx, "SELECT set_config('application_name', $1, false)", claimName(owner)); err != nil {
		return err
	}
	if err := c.lock.identify(ctx); err != nil {
		return err
	}
	c.lock.watch(ctx)
	return nil
}

// claimPrefix is the start of the name of a claim's session.
const claimPrefix = "convsync recordings"

// claimName returns the name of a claim's session, in which others find its owner.
// The server truncates it to 63 bytes.
func claimName(o load.Owner) string {
	return fmt.Sprintf("%s %s %d %s %s", claimPrefix, o.RunID, o.ProcessID, o.Host, o.Actor)
}

// claimed returns the error of a claim that exists, with its owner as far as it is
// known.
func (c *recordingClaim) claimed(ctx context.Context, conn *pgx.Conn, key int64) error {
	locked := &load.LockedError{Where: c.where, Project: c.project}
	var name string
	var began time.Time
	err := conn.QueryRow(ctx, "SELECT application_name, coalesce(backend_start, now()) FROM pg_stat_activity WHERE pid IN (SELECT pid FROM pg_locks WHERE "+
		isAdvisory+" AND "+keyInLocks+" = $1)", key).Scan(&name, &began)
	if errors.Is(err, pgx.ErrNoRows) { // it has just ended
		return locked
	}
	if err != nil {
		return err
	}
	text, ours := strings.CutPrefix(name, claimPrefix+" ")
	if parts := strings.SplitN(text, " ", 4); ours && len(parts) == 4 {
		process, _ := strconv.Atoi(parts[1])
		locked.Owner = load.Owner{
			RunID:     parts[0],
			ProcessID: process,
			Host:      parts[2],
			Actor:     parts[3],
			Started:   warehouse.TimestampOf(began),
		}
	}
	return locked
}

// Lost implements [load.Watched].
func (c *recordingClaim) Lost() <-chan error { return c.lock.lost }

// Close implements [load.RecordingClaim].
func (c *recordingClaim) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c.lock.unwatch()
	c.lock.close(ctx)
	return nil
}

// checkClaim takes the lock of the schema for a transaction, and fails if the claim
// is lost or the layout has changed.
func (c *recordingClaim) checkClaim(ctx context.Context, tx pgx.Tx) error {
	var shared bool
	if err := tx.QueryRow(ctx, "SELECT pg_try_advisory_xact_lock_shared($1)", c.lockKey()).Scan(&shared); err != nil {
		return err
	}
	if !shared {
		locked := &load.LockedError{Where: c.where}
		owners, err := selectOwners(ctx, tx, "WHERE name = $1 AND run_id IS NOT NULL", writerLock)
		if err == nil && len(owners) > 0 {
			locked.Owner = owners[0].Owner
		}
		return locked
	}
	var mark string
	var layout int64
	var held bool
	err := tx.QueryRow(ctx, "SELECT "+askMark+", (SELECT max(version_id) FROM goose_db_version WHERE is_applied), "+holds(1),
		c.lock.itself(c.lock.names)...).Scan(&mark, &layout, &held)
	if err != nil {
		return err
	}
	switch {
	case layout > c.layout:
		return &load.TooNewError{Where: c.where, Found: layout, Highest: c.layout}
	case !held:
		return c.lock.lockLost(errLockGone)
	}
	return c.ownSession(tx.Conn(), mark)
}
