package parquet

import (
	"errors"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"

	"convsync/internal/load"
)

// defaultMode is the mode of files unless one is set: only the user that runs
// the program can read them.
const defaultMode fs.FileMode = 0o600

// access is the [fileSystem] of the operating system. It creates files and folders
// with a mode and a group, independent of the umask.
type access struct {
	file, folder fs.FileMode
	group        int // -1: the group of the process
}

// newAccess returns the access for a mode of files (0600 if it is 0) and a
// group name or number. Folders get the search bit for each class that may read
// files.
func newAccess(mode fs.FileMode, group string) (access, error) {
	if mode == 0 {
		mode = defaultMode
	}
	a := access{file: mode, folder: mode | mode&0o444>>2, group: -1}
	if group == "" {
		return a, nil
	}
	if found, err := user.LookupGroup(group); err == nil {
		group = found.Gid
	}
	number, err := strconv.Atoi(group)
	if err != nil {
		return a, &load.StateError{What: "there is no group " + group, Hint: "correct destination.parquet.group: a name or number of a group of this machine", Misconfigured: true}
	}
	a.group = number
	return a, nil
}

// Open implements [fileSystem].
func (a access) Open(path string) (file, error) { return opened(os.Open(path)) }

// OpenFile implements [fileSystem]. When it creates the file, it sets mode and
// group.
func (a access) OpenFile(path string, flags int) (file, error) {
	if flags&os.O_EXCL == 0 {
		f, err := os.OpenFile(path, flags&^os.O_CREATE, 0)
		if !errors.Is(err, fs.ErrNotExist) {
			return opened(f, err)
		}
	}
	f, err := os.OpenFile(path, flags, a.file)
	if err != nil {
		return nil, err
	}
	if err := a.set(path, a.file); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// opened returns a nil interface, not a nil [os.File], on an error.
func opened(f *os.File, err error) (file, error) {
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Mkdir implements [fileSystem].
func (a access) Mkdir(path string) error {
	if err := os.Mkdir(path, a.folder); err != nil {
		return err
	}
	return a.set(path, a.folder)
}

// Rename implements [fileSystem].
func (a access) Rename(from, to string) error { return os.Rename(from, to) }

// Link implements [fileSystem].
func (a access) Link(from, to string) error { return os.Link(from, to) }

// Remove implements [fileSystem].
func (a access) Remove(path string) error { return os.Remove(path) }

// RemoveAll implements [fileSystem].
func (a access) RemoveAll(path string) error { return os.RemoveAll(path) }

// Stat implements [fileSystem].
func (a access) Stat(path string) (fs.FileInfo, error) { return os.Stat(path) }

// Lstat implements [fileSystem].
func (a access) Lstat(path string) (fs.FileInfo, error) { return os.Lstat(path) }

// ReadDir implements [fileSystem].
func (a access) ReadDir(path string) ([]fs.DirEntry, error) { return os.ReadDir(path) }

// WalkDir implements [fileSystem].
func (a access) WalkDir(root string, visit fs.WalkDirFunc) error {
	return filepath.WalkDir(root, visit)
}

// Sync implements [fileSystem].
func (a access) Sync(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (a access) set(path string, mode fs.FileMode) error {
	if a.group >= 0 {
		if err := os.Chown(path, -1, a.group); err != nil {
			return err
		}
	}
	if mode&0o077 == 0 {
		return nil // no umask takes these away
	}
	return os.Chmod(path, mode)
}

// errFound ends a walk early.
var errFound = errors.New("found")

// Exposed returns a file or folder of the lake that users outside its group can
// read although the mode says otherwise, or "" if there is none.
func (l *Lake) Exposed() (string, error) {
	if l.access.file&0o004 != 0 {
		return "", nil
	}
	exposed := ""
	err := l.files.WalkDir(l.root, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed by a writer in the meantime
		}
		if err != nil {
			return err
		}
		info, err := entry.Info()
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case entry.IsDir() && info.Mode()&0o001 == 0:
			return fs.SkipDir // nothing inside is reachable
		case entry.Type().IsRegular() && info.Mode()&0o004 != 0:
			exposed = path
			return errFound
		}
		return nil
	})
	if errors.Is(err, errFound) {
		err = nil
	}
	return exposed, err
}
