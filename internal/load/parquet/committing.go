package parquet

import (
	"context"
	"crypto/rand"
	"io"
	"strings"

	"convsync/internal/load"
)

// The lock file of commits has a random stamp of the last commit. A writer knows
// by it whether its state in memory is that of the last commit. It need not be
// durable: after a power failure no state is in memory.

// stampBytes is the length of a stamp.
const stampBytes = 26

// stamp returns the stamp of the last commit; "" if there is none.
func (l *Lake) stamp() string {
	text, _ := l.readFile(l.path(commitLockFile)) // a file that cannot be read has none
	return asStamp(text)
}

func asStamp(text []byte) string {
	if len(text) != stampBytes || strings.Trim(string(text), "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") != "" {
		return ""
	}
	return string(text)
}

// isCurrent reports whether the state is that of the last commit. Without the
// lock of commits it is only a guess: another commit may be about to begin.
func (w *writer) isCurrent() bool {
	return w.state != nil && w.stamp != "" && w.lake.stamp() == w.stamp
}

// commit changes what writers share, and commits it. All such changes go through
// here: build adds them to the commit, from the state that it is given and that
// it changes. It runs again, from the state of the last commit, if another writer
// has committed meanwhile: it must not change anything else, apart from values
// that each run sets again.
//
// First build runs without the lock of commits, from the state in memory, so that
// the lock is held for the renames only. The new files are synced at the same
// time. Under the lock, what build wrote is used if the state is still that of the
// last commit. Otherwise the shared files are read and written again.
func (w *writer) commit(ctx context.Context, c *commit, build func(next *state) error) error {
	if w.broken != nil {
		return w.broken
	}
	t := &transaction{commit: c, build: build, operations: len(c.operations), made: len(c.made)}
	if w.isCurrent() {
		err := t.attempt()
		if err == nil && len(c.operations) == 0 {
			w.state = t.next
			return nil
		}
		if err == nil {
			err = t.seal()
		}
		if err != nil && (w.isCurrent() || ctx.Err() != nil) {
			return c.explain(err)
		}
		if err != nil { // another writer may have removed what build read
			t.next = nil
		}
	} else if err := c.sync(); err != nil {
		return c.explain(err)
	}
	lock, err := w.lake.lockCommits(ctx)
	if err != nil {
		return c.explain(err)
	}
	defer lock.Close() //nolint:errcheck // only the stamp was written
	err = c.explain(t.underLock(lock))
	c.locked = false
	if c.durable && err != nil {
		w.broken = err
	}
	return err
}

// transaction is a commit in progress.
type transaction struct {
	*commit
	build            func(*state) error
	operations, made int    // those of the commit before build
	next             *state // the result of build; nil: none
	journal          string // temporary name of the journal
}

// attempt builds the commit from the state of the writer.
func (t *transaction) attempt() error {
	t.reset(t.operations, t.made)
	w := t.writer
	next := *w.state
	next.changed = nil // build must not add to those of the state: this attempt may fail
	if err := t.build(&next); err != nil {
		return err
	}
	if err := t.putContents(&next); err != nil {
		return err
	}
	if next.position != w.state.position {
		if err := t.putJSON(positionFile, next.position); err != nil {
			return err
		}
	}
	t.next = &next
	return nil
}

// seal writes the journal to its temporary file, and syncs all new files.
func (t *transaction) seal() (err error) {
	if t.journal, err = t.writeJournal(); err == nil {
		t.lake.step("journal")
	}
	return err
}

// underLock commits while the writer holds the lock of commits.
func (t *transaction) underLock(lock file) error {
	w := t.writer
	current, err := w.refresh(lock)
	if err != nil {
		return err
	}
	t.stamp, t.locked = w.stamp, true
	if err := t.fence(); err != nil {
		return err
	}
	if !current || t.next == nil {
		if err := t.attempt(); err != nil {
			return err
		}
		if len(t.commit.operations) == 0 {
			w.state = t.next
			return nil
		}
		if err := t.seal(); err != nil {
			return err
		}
	}
	if err := t.setStamp(lock); err != nil {
		return err
	}
	if err := t.run(t.journal); err != nil {
		return err
	}
	w.state = t.next
	return nil
}

// setStamp gives the commit a stamp. If it is not made after all, the state of
// this writer is still the last one, and others read theirs again.
func (t *transaction) setStamp(lock file) error {
	if err := t.fence(); err != nil {
		return err
	}
	t.writer.stamp = ""
	stamp := rand.Text()
	if _, err := lock.WriteAt([]byte(stamp), 0); err != nil {
		t.locked = false // the stamp may be incomplete, which is not another writer's commit
		return err
	}
	t.writer.stamp, t.stamp = stamp, stamp
	return nil
}

// refresh finishes the journal of a killed writer, and reads the state again
// unless it is that of the last commit. The caller holds the lock of commits.
func (w *writer) refresh(lock file) (current bool, err error) {
	w.unfinished, err = w.lake.recover()
	if err != nil {
		return false, err
	}
	if len(w.unfinished.lost) > 0 && w.began {
		return false, &load.StateError{
			What: "the commit of a killed run cannot be finished: new files under " + tmpDir + " are missing",
			Hint: "run again: the next run repairs what the commit should have written",
		}
	}
	text, err := io.ReadAll(lock)
	if err != nil {
		return false, failed("cannot read "+w.lake.path(commitLockFile), err)
	}
	stamp := asStamp(text)
	if w.state != nil && stamp != "" && stamp == w.stamp && len(w.unfinished.operations) == 0 {
		return true, nil
	}
	next, err := w.lake.own().readState()
	if err != nil {
		return false, err
	}
	if w.state != nil { // only this writer changes the contents of its projects
		next.contents = w.state.contents
	}
	w.state, w.stamp = next, stamp
	return false, nil
}
