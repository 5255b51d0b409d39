package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// defaultMode is the mode of files unless one is set: only the user that runs the
// program can read them.
const defaultMode fs.FileMode = 0o600

// disk holds the files of a store. All access to them goes through it, so that tests
// can inject errors. Paths are absolute. An error is an [*UnavailableError], except
// that lstat and open return one that matches [fs.ErrNotExist] for a missing file.
type disk struct {
	root         string
	file, folder fs.FileMode
	step         func(operation, path string) error
}

func newDisk(o Options) (*disk, error) {
	root, err := filepath.Abs(o.Path)
	if err != nil {
		return nil, &UnavailableError{Path: o.Path, FreeBytes: -1, Err: err}
	}
	mode := o.Mode
	if mode == 0 {
		mode = defaultMode
	}
	return &disk{root: root, file: mode, folder: mode | mode&0o444>>2, step: o.Step}, nil
}

// before calls the hook of tests before an operation.
func (d *disk) before(operation, path string) error {
	if d.step == nil {
		return nil
	}
	if err := d.step(operation, path); err != nil {
		return &fs.PathError{Op: operation, Path: path, Err: err}
	}
	return nil
}

// failed wraps the error of an operation.
func (d *disk) failed(err error) error {
	if err == nil || IsUnavailable(err) {
		return err
	}
	return &UnavailableError{Path: d.root, FreeBytes: freeBytes(d.root), Err: err}
}

// mkdirAll creates a folder, and those above it that are missing.
func (d *disk) mkdirAll(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil
	}
	if parent := filepath.Dir(path); parent != path {
		if err := d.mkdirAll(parent); err != nil {
			return err
		}
	}
	return d.mkdir(path)
}

// mkdir creates a folder unless it exists.
func (d *disk) mkdir(path string) error {
	err := d.before("mkdir", path)
	if err == nil {
		err = os.Mkdir(path, d.folder)
	}
	if errors.Is(err, fs.ErrExist) {
		if info, statErr := os.Stat(path); statErr == nil && info.IsDir() {
			return nil
		}
	}
	if err == nil {
		err = chmod(path, d.folder)
	}
	return d.failed(err)
}

// chmod sets a mode that the umask may have limited.
func chmod(path string, mode fs.FileMode) error {
	if mode&0o077 == 0 {
		return nil
	}
	return os.Chmod(path, mode)
}

// create creates a file that must not exist.
func (d *disk) create(path string) (*os.File, error) {
	if err := d.before("create", path); err != nil {
		return nil, d.failed(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, d.file)
	if err != nil {
		return nil, d.failed(err)
	}
	if err := chmod(path, d.file); err != nil {
		return nil, d.failed(errors.Join(err, f.Close()))
	}
	return f, nil
}

func (d *disk) write(f *os.File, p []byte) error {
	err := d.before("write", f.Name())
	if err == nil {
		_, err = f.Write(p)
	}
	return d.failed(err)
}

// syncFile makes the content of an open file durable.
func (d *disk) syncFile(f *os.File) error {
	err := d.before("sync", f.Name())
	if err == nil {
		err = f.Sync()
	}
	return d.failed(err)
}

// syncFolder makes the entries of a folder durable. A folder that does not exist has
// none.
func (d *disk) syncFolder(path string) error {
	if err := d.before("sync", path); err != nil {
		return d.failed(err)
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = errors.Join(syncEntries(f), f.Close())
	}
	return d.failed(err)
}

// close closes a file, also if the hook returns an error.
func (d *disk) close(f *os.File) error {
	return d.failed(errors.Join(d.before("close", f.Name()), f.Close()))
}

func (d *disk) rename(from, to string) error {
	err := d.before("rename", to)
	if err == nil {
		err = os.Rename(from, to)
	}
	return d.failed(err)
}

// remove removes a file. One that does not exist is no error.
func (d *disk) remove(path string) error {
	err := d.before("remove", path)
	if err == nil {
		err = os.Remove(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return d.failed(err)
}

// removeAll removes a folder with all that is in it.
func (d *disk) removeAll(path string) error {
	err := d.before("remove", path)
	if err == nil {
		err = os.RemoveAll(path)
	}
	return d.failed(err)
}

func (d *disk) lstat(path string) (fs.FileInfo, error) {
	err := d.before("lstat", path)
	var info fs.FileInfo
	if err == nil {
		info, err = os.Lstat(path)
	}
	return info, d.unlessMissing(err)
}

// open opens a regular file for reading.
func (d *disk) open(path string) (*os.File, error) {
	if err := d.before("open", path); err != nil {
		return nil, d.failed(err)
	}
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		if err == nil {
			err = &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist} // such as a pipe, which would block
		}
		return nil, d.unlessMissing(err)
	}
	f, err := os.Open(path)
	return f, d.unlessMissing(err)
}

// openLock opens a lock file, and creates it if it does not exist.
func (d *disk) openLock(path string) (*os.File, error) {
	if err := d.before("lock", path); err != nil {
		return nil, d.failed(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, d.file)
	if err != nil {
		return nil, d.failed(err)
	}
	return f, nil
}

// walk calls visit for each file below a folder, in the order of their paths. What is
// removed meanwhile is left out. A link to a folder outside of the store counts as
// that folder, because a part of a store may have been moved to another disk. Other
// links count as files.
func (d *disk) walk(root string, visit func(path string, entry fs.DirEntry) error) error {
	known := []string{d.root}
	if real, err := filepath.EvalSymlinks(d.root); err == nil {
		known = append(known, real)
	}
	return d.walkFolder(root, &known, visit)
}

// walkFolder is walk. known are the folders that are listed: each file is visited once.
func (d *disk) walkFolder(root string, known *[]string, visit func(path string, entry fs.DirEntry) error) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			err = d.before("list", filepath.Clean(path))
		}
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return d.failed(err)
		case entry.IsDir():
			return nil
		case entry.Type() == fs.ModeSymlink && isOtherFolder(path, known):
			return d.walkFolder(path+string(filepath.Separator), known, visit) // with a separator, it is not the link
		}
		return visit(path, entry)
	})
}

// isOtherFolder reports whether a link leads to a folder that is not part of the known
// ones and has none of them, and adds it to them.
func isOtherFolder(link string, known *[]string) bool {
	real, err := filepath.EvalSymlinks(link)
	if err != nil {
		return false
	}
	if info, err := os.Stat(real); err != nil || !info.IsDir() {
		return false
	}
	isIn := func(path, folder string) bool {
		inside, err := filepath.Rel(folder, path)
		return err == nil && filepath.IsLocal(inside)
	}
	for _, folder := range *known {
		if isIn(real, folder) || isIn(folder, real) {
			return false
		}
	}
	*known = append(*known, real)
	return true
}

// unlessMissing is failed, except for the error of a missing file.
func (d *disk) unlessMissing(err error) error {
	if isMissing(err) {
		return err
	}
	return d.failed(err)
}

// isMissing reports that lstat or open found no file.
func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) && !IsUnavailable(err) }
