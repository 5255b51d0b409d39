package parquet

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"convsync/internal/load"
)

// takeover identifies a takeover of the lake. Each one is unique.
type takeover struct {
	Epoch  int64  `json:"epoch"`  // takeovers of the lock
	Writer string `json:"writer"` // random: without a working lock two writers may have the same epoch
}

// fence fails with [*load.TakenOverError] if the writer no longer owns the
// lake: the lock file that it holds was removed or replaced, or another writer
// has begun, which is possible if flock is not enforced.
func (w *writer) fence() error {
	l := w.lake
	if w.locked == nil {
		return errors.New("the writer is closed")
	}
	held, err := w.locked.Stat()
	if err != nil {
		return failed("cannot check the lock of the lake "+l.root, err)
	}
	there, err := os.Stat(l.path(lockFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return w.takenOver("its lock file " + lockFile + " was removed")
	case err != nil:
		return failed("cannot check the lock of the lake "+l.root, err)
	case !os.SameFile(held, there):
		return w.takenOver("its lock file " + lockFile + " was removed and recreated")
	}
	var now position
	if err := l.own().readJSON(positionFile, &now); err != nil {
		return err
	}
	if now.takeover != w.takeover && now.takeover != w.claiming {
		return w.takenOver("another writer began while this one held the lock")
	}
	return nil
}

func (w *writer) takenOver(why string) error {
	e := &load.TakenOverError{Where: "the lake " + w.lake.root, Why: why}
	if owner := w.lake.owner(); owner != w.owner {
		e.Owner = owner
	}
	return e
}

// lockCommits takes the lock that a writer holds from before its journal exists
// until all files are in place. While a reader holds it, all files in place are
// of one commit. A writer that is paused during a commit cannot be taken over,
// even if the other lock file was removed.
func (l *Lake) lockCommits() (unlock func(), err error) {
	f, err := l.access.open(l.path(commitLockFile), os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, failed("cannot lock the lake "+l.root, err)
	}
	timeout := time.NewTimer(max(l.lockWait, lockPoll))
	defer timeout.Stop()
	poll := time.NewTicker(commitPoll)
	defer poll.Stop()
	for {
		ok, err := l.tryLock(f)
		if ok {
			return func() { _ = f.Close() }, nil // nothing was written
		}
		if err != nil {
			_ = f.Close() // nothing was written
			return nil, failed("cannot lock the lake "+l.root, err)
		}
		select {
		case <-poll.C:
		case <-timeout.C:
			_ = f.Close() // nothing was written
			return nil, &load.LockedError{Where: "the lake " + l.root, Owner: l.owner()}
		}
	}
}

// commitPoll is the interval of attempts to take the lock of commits.
const commitPoll = 2 * time.Millisecond
