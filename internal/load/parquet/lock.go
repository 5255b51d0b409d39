package parquet

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"convsync/internal/load"
)

// A writer holds the lock of the lake, shared, and the lock of each of its
// projects. A writer of the whole lake holds the lock of the lake exclusively,
// as older versions and `flock` in a shell do. All locks are taken in the same
// order, so that two writers cannot wait for each other.

const (
	// lockPoll is the interval of attempts to take a writer's lock.
	lockPoll = 50 * time.Millisecond
	// commitPoll is the interval of attempts to take the lock of commits.
	commitPoll = 2 * time.Millisecond
	// commitWait is the timeout for the lock of commits. It is long, because a
	// window that was read is lost by it, and the end of a run may copy much under
	// the lock.
	commitWait = time.Minute
)

// errHeld ends the wait for a lock that another writer holds.
var errHeld = errors.New("another writer holds the lock")

// lock is a locked file. Closing it frees the lock.
type lock struct {
	name string // relative to the root of the lake
	file file
}

type locks []lock

// close frees the locks, the last one first.
func (held locks) close() (err error) {
	for _, k := range slices.Backward(held) {
		err = errors.Join(err, k.file.Close())
	}
	return err
}

// projectLock returns the name of the lock file of a project.
func projectLock(project string) string { return locksDir + "/" + shortDir(project) }

// shortDir returns the name of the folder of a project, or a shorter one if that
// is too long. Such a project is refused when it is registered, and not earlier.
func shortDir(project string) string {
	if name := projectDir(project); len(name) <= maxNameBytes {
		return name
	}
	return fmt.Sprintf("%x", sha256.Sum256([]byte(project)))
}

// lock takes the locks of a writer of projects, which are sorted; without any,
// of the whole lake. It waits for other writers up to the timeout of the lake,
// and holds nothing if it fails.
func (l *Lake) lock(ctx context.Context, projects []string) (held locks, err error) {
	ctx, stop := context.WithTimeoutCause(ctx, l.lockWait, errHeld)
	defer stop()
	poll := max(min(lockPoll, l.lockWait), 1)
	f, err := l.take(ctx, lockFile, len(projects) > 0, poll)
	if errors.Is(err, errHeld) {
		return nil, l.locked(projects)
	}
	if err != nil {
		return nil, err
	}
	held = locks{{lockFile, f}}
	for _, project := range projects {
		f, err := l.take(ctx, projectLock(project), false, poll)
		if errors.Is(err, errHeld) {
			owner, _ := l.ownerOf(project)
			err = &load.LockedError{Where: "the lake " + l.root, Project: project, Owner: owner}
		}
		if err != nil {
			return nil, errors.Join(err, held.close())
		}
		held = append(held, lock{projectLock(project), f})
	}
	return held, nil
}

// locked returns the error of a writer that did not get the lock of the lake.
func (l *Lake) locked(projects []string) error {
	e := &load.LockedError{Where: "the lake " + l.root}
	if len(projects) == 0 { // a writer of projects holds it, or of the whole lake
		e.Project, e.Owner = l.busy()
	}
	if e.Owner.RunID == "" {
		e.Owner = l.owner()
	}
	return e
}

// take takes a lock file, and creates it if it does not exist. A file that was
// removed or replaced meanwhile is no lock: take continues with the new one. It
// tries at least once, and returns the cause when the context ends.
func (l *Lake) take(ctx context.Context, name string, shared bool, interval time.Duration) (file, error) {
	poll := time.NewTicker(interval)
	defer poll.Stop()
	for {
		f, err := l.tryFile(name, shared)
		if f != nil || err != nil {
			return f, err
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// tryFile locks a file; nil if another one holds it.
func (l *Lake) tryFile(name string, shared bool) (file, error) {
	f, err := l.files.OpenFile(l.path(name), os.O_RDWR|os.O_CREATE)
	if errors.Is(err, fs.ErrNotExist) {
		if err = l.mkdirAll(l.path(locksDir)); err == nil {
			f, err = l.files.OpenFile(l.path(name), os.O_RDWR|os.O_CREATE)
		}
	}
	if err != nil {
		return nil, failed("cannot lock the lake "+l.root, err)
	}
	ok, err := l.files.TryLock(f, shared)
	if err == nil && ok && l.inPlace(name, f) == "" {
		return f, nil
	}
	_ = f.Close() // nothing was written
	return nil, failed("cannot lock the lake "+l.root, err)
}

// inPlace returns what happened to a lock file since it was opened; "" if it is
// in place.
func (l *Lake) inPlace(name string, f file) string {
	there, err := l.files.Stat(l.path(name))
	held, heldErr := f.Stat()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "its lock file " + name + " was removed"
	case err != nil || heldErr != nil:
		return "its lock file " + name + " cannot be checked: " + errors.Join(err, heldErr).Error()
	case !os.SameFile(held, there):
		return "its lock file " + name + " was removed and recreated"
	}
	return ""
}

// busy returns a project that a writer holds, and the writer. The project is ""
// if there is none.
func (l *Lake) busy() (project string, owner load.Owner) {
	records, err := l.records()
	if err != nil {
		return "", owner
	}
	slices.SortFunc(records, func(a, b record) int { return cmp.Compare(b.Epoch, a.Epoch) })
	for i := range records {
		for _, project := range records[i].Projects {
			if f, err := l.tryFile(projectLock(project), false); f != nil {
				_ = f.Close() // nothing was written
			} else if err == nil {
				return project, records[i].Owner
			}
		}
	}
	return "", owner
}

// lockCommits takes the lock that a writer holds while it reads the shared
// files, and from before its journal exists until all files are in place. While
// another holds it, all files in place are of one commit. A writer that is
// paused during a commit cannot be taken over, even if its lock files were
// removed. Closing the file frees the lock.
func (l *Lake) lockCommits(ctx context.Context) (file, error) {
	ctx, stop := context.WithTimeoutCause(ctx, l.commitWait, errHeld)
	defer stop()
	f, err := l.take(ctx, commitLockFile, false, commitPoll)
	if errors.Is(err, errHeld) {
		return nil, &load.LockedError{Where: "the lake " + l.root, Owner: l.lastOwner()}
	}
	return f, err
}
