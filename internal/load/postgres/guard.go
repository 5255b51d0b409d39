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

// commitCount is the commit counter that sync_locks must have. Without it, a
// run could publish coverage of rows that the database has lost with earlier
// commits.
//
// The mutex is held from the comparison of the counters until the commit
// returns. It is locked after the row of sync_locks, never before: a goroutine
// that waits for it waits for a response of the server, and never for a lock in
// the database, which would be a deadlock that the server cannot detect.
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
// this run is the writer. From before last until the commit it excludes other
// transactions of writers, so that sequences that last assigns are in the order
// of commits.
func (w *writer) transact(ctx context.Context, step string, work, last func(pgx.Tx) error) error {
	return w.commit(ctx, &guarded{step: step, needsLock: true, work: work, last: last})
}

// guarded is a transaction of a writer.
type guarded struct {
	step       string
	needsLock  bool // the lock's session must also exist
	work, last func(pgx.Tx) error

	counts     bool // holds the mutex of the counter
	committing bool // COMMIT was sent, or is about to be sent
}

// commit runs a guarded transaction.
func (w *writer) commit(ctx context.Context, g *guarded) error {
	if over := w.over.Load(); over != nil {
		return over
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

// settleCount updates the counter after a transaction, as far as its result is
// known.
func (w *writer) settleCount(g *guarded, committed bool) {
	if !g.counts {
		return
	}
	switch {
	case committed:
		w.commits.confirmed++
	case g.committing:
		w.commits.unsure = true
	}
	w.commits.Unlock()
}

// checkWriter raises the stored counter in a transaction, which locks out all
// other writers until the end of the transaction. It fails unless this run is
// the writer and the database has all of its commits.
func (w *writer) checkWriter(ctx context.Context, tx pgx.Tx, g *guarded) error {
	var epoch, stored int64
	var run, mark string
	var holds bool
	err := tx.QueryRow(ctx, `UPDATE sync_locks SET commits = commits + 1 WHERE name = $1
		RETURNING epoch, coalesce(run_id, ''), commits - 1, `+askMark+", "+w.holds(2),
		append([]any{writerLock}, w.lock.itself()...)...).Scan(&epoch, &run, &stored, &mark, &holds)
	if errors.Is(err, pgx.ErrNoRows) {
		return w.end(fmt.Errorf("%w: sync_locks is empty", errLostCommits), hintLostCommits)
	}
	if err != nil {
		return err
	}
	w.commits.Lock()
	g.counts = true
	if err := w.ownSession(tx.Conn(), mark); err != nil {
		return err
	}
	if epoch > w.epoch || epoch == w.epoch && run != w.owner.RunID {
		return w.end(errTakenOver, hintTakenOver)
	}
	if epoch < w.epoch {
		return w.end(fmt.Errorf("%w: the start of the run is not stored", errLostCommits), hintLostCommits)
	}
	if err := w.commits.confirm(stored); err != nil {
		return w.end(err, hintLostCommits)
	}
	if g.needsLock && !holds {
		return w.lock.lockLost(errLockGone)
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
