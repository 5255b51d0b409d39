package parquet

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"

	"convsync/internal/load"
)

// BackedUp is the result of a backup.
type BackedUp struct {
	Files  int
	Bytes  int64
	Copied int // number of files; the others are hard links
}

// Backup copies the lake as of one commit into a new or empty folder, also
// while a run writes. If the folder is on the same file system, files that are
// replaced as a whole become hard links, which take no space until they are
// replaced. Files that grow are copied. Commits wait until the links exist.
func (l *Lake) Backup(ctx context.Context, folder string) (done BackedUp, err error) {
	version, err := l.version()
	if err == nil && version == 0 {
		err = &load.StateError{What: "there is no lake in " + l.root, Hint: "check destination.parquet.path"}
	}
	if err != nil {
		return done, err
	}
	folder, err = filepath.Abs(folder)
	if err == nil {
		err = l.prepareBackup(folder)
	}
	if err != nil {
		return done, err
	}
	b := &backup{lake: l, to: folder}
	if err := b.make(ctx); err != nil {
		return done, failed("cannot back up the lake to "+folder, err)
	}
	return b.done, nil
}

// prepareBackup makes the folder of a backup. It rejects a folder that is not
// empty.
func (l *Lake) prepareBackup(folder string) error {
	if inside, err := filepath.Rel(l.root, folder); err == nil && !strings.HasPrefix(inside, "..") {
		return &load.StateError{What: folder + " is in the lake", Hint: "name a folder outside of " + l.root}
	}
	if err := l.mkdirAll(folder); err != nil {
		return failed("cannot make the folder "+folder, err)
	}
	entries, err := l.files.ReadDir(folder)
	if err != nil {
		return failed("cannot read the folder "+folder, err)
	}
	if len(entries) > 0 {
		return &load.StateError{What: "the folder " + folder + " is not empty", Hint: "name a new folder for each backup"}
	}
	return nil
}

// backup is a backup in progress.
type backup struct {
	lake *Lake
	to   string
	done BackedUp
	// pending lists the files under _sync/tmp that belong in the copy.
	pending map[string]bool
}

// snapshotPrefix starts the names of folders of hard links, from which a backup
// to another file system is copied.
const snapshotPrefix = "_sync/backup-"

// make links the files. To another file system it copies them from links,
// because that takes long, and commits must not wait for it.
func (b *backup) make(ctx context.Context) error {
	linked, err := b.linkable()
	if err != nil {
		return err
	}
	if linked {
		return b.underLock(ctx, b.lake.root, b.to)
	}
	snapshot := b.lake.path(snapshotPrefix + b.lake.token)
	defer b.lake.files.RemoveAll(snapshot) //nolint:errcheck // the next backup removes it
	b.removeOld()
	if err := b.underLock(ctx, b.lake.root, snapshot); err != nil {
		return err
	}
	b.done = BackedUp{}
	return b.tree(ctx, snapshot, b.to, b.copy)
}

// linkable reports whether files of the lake can be hard-linked into the
// folder.
func (b *backup) linkable() (bool, error) {
	trial := filepath.Join(b.to, ".convsync-backup")
	err := b.lake.files.Link(b.lake.path(formatFile), trial)
	if err == nil {
		return true, b.lake.files.Remove(trial)
	}
	if errors.Is(err, syscall.EXDEV) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENOTSUP) || errors.Is(err, syscall.EMLINK) {
		return false, nil
	}
	return false, err
}

// removeOld removes what a killed backup left behind.
func (b *backup) removeOld() {
	old, _ := filepath.Glob(b.lake.path(snapshotPrefix) + "*") // the pattern is sound
	for _, folder := range old {
		_ = b.lake.files.RemoveAll(folder) // the next backup tries again
	}
}

// underLock links the files while no commit is in progress.
func (b *backup) underLock(ctx context.Context, from, to string) error {
	lock, err := b.lake.lockCommits(ctx)
	if err != nil {
		return err
	}
	defer lock.Close() //nolint:errcheck // nothing was written
	b.lake.step("backup")
	if err := b.findPending(); err != nil {
		return err
	}
	return b.tree(ctx, from, to, b.link)
}

// tree calls put with each file of a lake that belongs in the copy.
func (b *backup) tree(ctx context.Context, from, to string, put func(name, from, to string) error) error {
	var folders []string
	err := b.lake.files.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // an inbox file that was handled meanwhile
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		inside, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(inside)
		target := filepath.Join(to, inside)
		switch {
		case strings.HasPrefix(name, snapshotPrefix), strings.HasPrefix(name, queryPrefix):
			return fs.SkipDir
		case e.IsDir():
			folders = append(folders, target)
			return b.lake.mkdirAll(target)
		case name == lockFile || name == commitLockFile || strings.HasPrefix(name, locksDir+"/") || strings.HasPrefix(name, tmpDir+"/") && !b.pending[name]:
			return nil
		}
		if err := put(name, path, target); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
	if err != nil {
		return err
	}
	return b.lake.syncAll(folders)
}

// findPending finds the new files that a journal lists. A run that was killed
// during a commit leaves the journal to the next run, also in the copy.
func (b *backup) findPending() error {
	v, err := b.lake.view()
	if err != nil {
		return err
	}
	b.pending = map[string]bool{}
	for _, op := range v.operations {
		b.pending[op.From] = true
		for _, name := range op.Names {
			b.pending[op.From+"/"+name] = true
		}
	}
	return v.close()
}

// grows reports whether a file is appended to in place.
func grows(name string) bool {
	for _, folder := range []string{changesDir, eventsDir, idsDir} {
		if strings.HasPrefix(name, folder+"/") {
			return true
		}
	}
	return name == runsFile
}

func (b *backup) link(name, from, to string) error {
	if !grows(name) {
		if err := b.lake.files.Link(from, to); err == nil || errors.Is(err, fs.ErrNotExist) {
			return b.count(to, false, err)
		}
	}
	return b.copy(name, from, to)
}

func (b *backup) copy(_, from, to string) error {
	return b.count(to, true, b.lake.copyFile(from, to))
}

func (b *backup) count(path string, copied bool, err error) error {
	if err != nil {
		return err
	}
	info, err := b.lake.files.Stat(path)
	if err != nil {
		return err
	}
	b.done.Files++
	b.done.Bytes += info.Size()
	if copied {
		b.done.Copied++
	}
	return nil
}

// String describes a backup for users.
func (b BackedUp) String() string {
	return fmt.Sprintf("%d files, %.1f MB; %d copied, the others are hard links", b.Files, float64(b.Bytes)/1e6, b.Copied)
}
