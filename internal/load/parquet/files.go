package parquet

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path/filepath"

	"golang.org/x/sync/errgroup"
)

// fileSystem holds the files of a lake. All access to them goes through it, so
// that a test can inject errors and another store can replace it. Paths are
// absolute. Errors are those of package os: they name the path, and match
// [fs.ErrNotExist] and the like. [access] implements it.
type fileSystem interface {
	// Open opens a file for reading.
	Open(path string) (file, error)
	// OpenFile opens a file with flags of package os. A file or folder that is
	// created has the lake's mode and group.
	OpenFile(path string, flags int) (file, error)
	Mkdir(path string) error
	Rename(from, to string) error
	Link(from, to string) error
	// Exchange exchanges two folders in one step. It fails with errNoExchange if the
	// file system cannot do that.
	Exchange(a, b string) error
	Remove(path string) error
	RemoveAll(path string) error
	Stat(path string) (fs.FileInfo, error)
	Lstat(path string) (fs.FileInfo, error)
	// ReadDir lists a folder, sorted by name.
	ReadDir(path string) ([]fs.DirEntry, error)
	// WalkDir is [filepath.WalkDir].
	WalkDir(root string, visit fs.WalkDirFunc) error
	// Sync makes the content of a file, or the entries of a folder, durable.
	Sync(path string) error
	// TryLock locks a file for as long as it is open. It returns false if another
	// writer has the lock, in this process or another one. The lock is freed when
	// the process ends.
	TryLock(f file, shared bool) (bool, error)
}

// file is an open file of a lake. [os.File] implements it.
type file interface {
	io.ReadWriteCloser
	io.ReaderAt
	io.WriterAt
	io.Seeker
	Stat() (fs.FileInfo, error)
	Truncate(size int64) error
	Sync() error
}

// readFile reads a whole file.
func (l *Lake) readFile(path string) ([]byte, error) {
	f, err := l.files.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it is only read
	var text bytes.Buffer
	if info, err := f.Stat(); err == nil {
		text.Grow(int(info.Size()) + bytes.MinRead)
	}
	_, err = text.ReadFrom(f)
	return text.Bytes(), err
}

// mkdirAll creates a folder and those above it that are missing.
func (l *Lake) mkdirAll(path string) error {
	if info, err := l.files.Stat(path); err == nil && info.IsDir() {
		return nil
	}
	if parent := filepath.Dir(path); parent != path {
		if err := l.mkdirAll(parent); err != nil {
			return err
		}
	}
	err := l.files.Mkdir(path)
	if errors.Is(err, fs.ErrExist) {
		if info, statErr := l.files.Stat(path); statErr == nil && info.IsDir() {
			return nil // by another process
		}
	}
	return err
}

// syncsAtOnce is the number of files that are synced concurrently: the disk
// then syncs them together.
const syncsAtOnce = 16

// syncAll syncs files and folders.
func (l *Lake) syncAll(paths []string) error {
	var group errgroup.Group
	group.SetLimit(syncsAtOnce)
	for _, path := range paths {
		group.Go(func() error { return l.files.Sync(path) })
	}
	return group.Wait()
}
