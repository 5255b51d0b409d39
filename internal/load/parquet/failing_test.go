package parquet

import "io/fs"

// Failing makes the lake call fail before each operation that changes or syncs a
// file. The operation fails with the error of fail, if any. A failed write has
// written half of its data. Removals never fail.
func Failing(l *Lake, fail func(op, path string) error) { l.files = failing{l.files, fail} }

type failing struct {
	fileSystem
	fail func(op, path string) error
}

// failed returns the error that fail returns, in the form of package os.
func (f failing) failed(op, path string) error {
	if err := f.fail(op, path); err != nil {
		return &fs.PathError{Op: op, Path: path, Err: err}
	}
	return nil
}

func (f failing) OpenFile(path string, flags int) (file, error) {
	if err := f.failed("open", path); err != nil {
		return nil, err
	}
	opened, err := f.fileSystem.OpenFile(path, flags)
	if err != nil {
		return nil, err
	}
	return failingFile{opened, f, path}, nil
}

func (f failing) Mkdir(path string) error {
	if err := f.failed("mkdir", path); err != nil {
		return err
	}
	return f.fileSystem.Mkdir(path)
}

func (f failing) Rename(from, to string) error {
	if err := f.failed("rename", to); err != nil {
		return err
	}
	return f.fileSystem.Rename(from, to)
}

func (f failing) Link(from, to string) error {
	if err := f.failed("link", to); err != nil {
		return err
	}
	return f.fileSystem.Link(from, to)
}

func (f failing) Sync(path string) error {
	if err := f.failed("sync", path); err != nil {
		return err
	}
	return f.fileSystem.Sync(path)
}

func (f failing) TryLock(locked file, shared bool) (bool, error) {
	if wrapped, ok := locked.(failingFile); ok {
		locked = wrapped.file
	}
	return f.fileSystem.TryLock(locked, shared)
}

type failingFile struct {
	file
	of   failing
	path string
}

func (f failingFile) Write(p []byte) (int, error) {
	if err := f.of.failed("write", f.path); err != nil {
		n, _ := f.file.Write(p[:len(p)/2])
		return n, err
	}
	return f.file.Write(p)
}

func (f failingFile) WriteAt(p []byte, offset int64) (int, error) {
	if err := f.of.failed("write", f.path); err != nil {
		n, _ := f.file.WriteAt(p[:len(p)/2], offset)
		return n, err
	}
	return f.file.WriteAt(p, offset)
}

func (f failingFile) Truncate(size int64) error {
	if err := f.of.failed("truncate", f.path); err != nil {
		return err
	}
	return f.file.Truncate(size)
}

func (f failingFile) Sync() error {
	if err := f.of.failed("sync", f.path); err != nil {
		return err
	}
	return f.file.Sync()
}
