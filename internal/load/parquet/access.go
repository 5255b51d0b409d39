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

// access is the mode and group of the files and folders that the lake creates,
// independent of the umask.
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

// open opens a file. When it creates the file, it sets mode and group.
func (a access) open(path string, flags int) (*os.File, error) {
	if flags&os.O_EXCL == 0 {
		f, err := os.OpenFile(path, flags&^os.O_CREATE, 0)
		if !errors.Is(err, fs.ErrNotExist) {
			return f, err
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

// mkdir creates a folder.
func (a access) mkdir(path string) error {
	if err := os.Mkdir(path, a.folder); err != nil {
		return err
	}
	return a.set(path, a.folder)
}

// mkdirAll creates a folder and those above it that are missing.
func (a access) mkdirAll(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil
	}
	if parent := filepath.Dir(path); parent != path {
		if err := a.mkdirAll(parent); err != nil {
			return err
		}
	}
	err := a.mkdir(path)
	if errors.Is(err, fs.ErrExist) {
		if info, statErr := os.Stat(path); statErr == nil && info.IsDir() {
			return nil // by another process
		}
	}
	return err
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
	err := filepath.WalkDir(l.root, func(path string, entry fs.DirEntry, err error) error {
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
