package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load"
)

var (
	errTakenOver   = fmt.Errorf("%w: another run has taken over the writing", load.ErrLockLost)
	errLostCommits = errors.New("the database has lost commits of this run")
)

const (
	hintTakenOver = "this run lost its lock, perhaps because the machine was suspended; what it published is kept, and the other run continues from there"

	hintLostCommits = "nothing more is written: run again, and the next run starts from what is stored. Commits are lost when a standby " +
		"is promoted that had not received all of them, or when a server comes back from a crash without fsync or from a backup"
)

// commitCount is the commit counter that a row of sync_locks must have. Without
// it, a run could publish coverage of rows that the database has lost with earlier
// commits.
//
// A transaction of a writer locks in this order:
//
//  1. What it writes in `work`: rows and keys of its projects, which no other
//     writer has, in the order of ids; or the layout, under its transaction lock.
//     Expired rows of any project are locked without waiting for them.
//  2. The rows of sync_locks of its projects, in the order of their names.
//  3. The mutex of each of these rows, until the commit returns.
//  4. Rows of its projects in `last`. Only an expiry can have them, which waits
//     for nothing that other writers have.
//  5. The transaction lock of changes, last. Its holder only inserts changes and
//     commits.
//
// A goroutine that waits for a mutex has the row, so the transaction that had it
// before has ended, and only its response is awaited. It never waits for a lock in
// the database, which would be a deadlock that the server cannot detect. A takeover
// locks the rows of sync_locks in the same order, and then that of the destination.
type commitCount struct {
	sync.Mutex
	confirmed int64 // confirmed by the server
	unsure    bool  // one more may be stored: the response to a commit was lost
}

// confirm compares the stored counter with the run's.
func (c *commitCount) confirm(stored int64) error {
	if stored != c.confirmed && (!c.unsure || stored != c.confirmed+1) {
		return fmt.Errorf("%w: %d commits are stored, %d were confirmed", errLostCommits, stored, c.confirmed)
	}
	c.confirmed, c.unsure = stored, false
	return nil
}

// transact runs work and then last in a transaction that commits only while
// this run is the writer of the project. From before last until the commit it
// excludes other transactions of the project.
func (w *writer) transact(ctx context.Context, step, project string, work, last func(pgx.Tx) error) error {
	return w.commit(ctx, &guarded{
		step:      step,
		locks:     w.locksOf(project),
		needsLock: true,
		work:      work,
		last:      last,
	})
}

// locksOf returns the locks that protect a project.
func (w *writer) locksOf(project string) []string {
	if w.lock.isWhole() {
		return w.lock.names
	}
	return []string{projectLock + project}
}

// checkHeld returns an error if the writer did not begin with a lock.
func (w *writer) checkHeld(locks []string) error {
	for _, lock := range locks {
		if w.commits[lock] == nil {
			return fmt.Errorf("project %s is not one that this writer has begun with", projectOf(lock))
		}
	}
	return nil
}

// guarded is a transaction of a writer.
type guarded struct {
	step       string
	locks      []string // that it needs, sorted
	needsLock  bool     // the lock's session must also exist
	work, last func(pgx.Tx) error

	counting   []*commitCount // whose mutexes it holds
	committing bool           // COMMIT was sent, or is about to be sent
}

// commit runs a guarded transaction.
func (w *writer) commit(ctx context.Context, g *guarded) error {
	if over := w.over.Load(); over != nil {
		return over
	}
	if err := w.checkHeld(g.locks); err != nil {
		return err
	}
	w.Step(g.step)
	committed := false
	defer func() { w.settleCount(g, committed) }()
	err := pgx.BeginTxFunc(ctx, w.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		if err := g.work(tx); err != nil {
			return err
		}
		if err := w.checkWriter(ctx, tx, g); err != nil {
			return err
		}
		if err := g.last(tx); err != nil {
			return err
		}
		w.Step("commit: " + g.step)
		g.committing = true
		return nil
	})
	committed = err == nil
	return err
}

// settleCount updates the counters after a transaction, as far as its result is
// known.
func (w *writer) settleCount(g *guarded, committed bool) {
	for _, c := range g.counting {
		switch {
		case committed:
			c.confirmed++
		case g.committing:
			c.unsure = true
		}
		c.Unlock()
	}
}

// checkWriter raises the stored counters in a transaction, which locks out all
// other writers of these projects until the end of the transaction. It fails
// unless this run is their writer and the database has all of its commits.
func (w *writer) checkWriter(ctx context.Context, tx pgx.Tx, g *guarded) error {
	if len(g.locks) > 1 { // UPDATE would lock them in any order
		if _, err := tx.Exec(ctx, lockRows, g.locks); err != nil {
			return err
		}
	}
	rows, err := tx.Query(ctx, `UPDATE sync_locks SET commits = commits + 1 WHERE name = ANY($1)
		RETURNING name, epoch, coalesce(run_id, ''), commits - 1, `+askMark+", "+holds(2),
		append([]any{g.locks}, w.lock.itself(g.locks)...)...)
	if err != nil {
		return err
	}
	found := make(map[string]storedLock, len(g.locks))
	var mark string
	var held bool
	var name string
	var l storedLock
	_, err = pgx.ForEachRow(rows, []any{&name, &l.epoch, &l.run, &l.commits, &mark, &held}, func() error {
		found[name] = l
		return nil
	})
	if err != nil {
		return err
	}
	if len(found) < len(g.locks) {
		return w.end(fmt.Errorf("%w: rows of sync_locks are missing", errLostCommits), hintLostCommits)
	}
	if err := w.compareCounts(g, found); err != nil {
		return err
	}
	if err := w.ownSession(tx.Conn(), mark); err != nil {
		return err
	}
	if g.needsLock && !held {
		return w.lock.lockLost(errLockGone)
	}
	return nil
}

// lockRows locks rows of sync_locks in the order of their names.
const lockRows = `SELECT FROM sync_locks WHERE name = ANY($1) ORDER BY name COLLATE "C" FOR UPDATE`

// storedLock has the values of a row of sync_locks before a transaction raised
// its counter.
type storedLock struct {
	epoch   int64
	run     string
	commits int64
}

// compareCounts compares the stored locks of a transaction with the run's.
func (w *writer) compareCounts(g *guarded, found map[string]storedLock) error {
	for _, name := range g.locks {
		stored, c := found[name], w.commits[name]
		c.Lock()
		g.counting = append(g.counting, c)
		if stored.epoch > w.epoch || stored.epoch == w.epoch && stored.run != w.owner.RunID {
			return w.end(errTakenOver, hintTakenOver)
		}
		if stored.epoch < w.epoch {
			return w.end(fmt.Errorf("%w: the start of the run is not stored", errLostCommits), hintLostCommits)
		}
		if err := c.confirm(stored.commits); err != nil {
			return w.end(err, hintLostCommits)
		}
	}
	return nil
}

// end stops the writer for a reason, because its state in memory no longer
// matches what is stored.
func (w *writer) end(reason error, hint string) error {
	over := &load.StateError{What: w.where, Err: reason, Hint: hint}
	if !w.over.CompareAndSwap(nil, over) {
		return w.over.Load()
	}
	return over
}
