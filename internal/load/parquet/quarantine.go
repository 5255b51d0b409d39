package parquet

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// quarantineDir has the files that a repair removed from the tables, by run.
// Nothing is deleted; an operator may delete what is not needed.
const quarantineDir = "_sync/quarantine"

func quarantined(name, runID string) string { return quarantineDir + "/" + escape(runID) + "/" + name }

// moveAside moves a file from the tables to the quarantine. A folder that
// becomes empty is removed.
func (l *Lake) moveAside(name, runID string) error {
	to := quarantined(name, runID)
	l.step("quarantine")
	if err := l.mkdirAll(filepath.Dir(l.path(to))); err != nil {
		return err
	}
	if err := l.files.Rename(l.path(name), l.path(to)); err != nil {
		return err
	}
	err := errors.Join(l.files.Sync(filepath.Dir(l.path(to))), l.files.Sync(filepath.Dir(l.path(name))))
	for folder := path.Dir(name); path.Dir(folder) != "."; folder = path.Dir(folder) {
		if l.files.Remove(l.path(folder)) != nil { // it is not empty
			break
		}
	}
	return err
}

// keepAside keeps a file that will be replaced.
func (l *Lake) keepAside(name, runID string) error {
	from, to := l.path(name), l.path(quarantined(name, runID))
	if err := l.mkdirAll(filepath.Dir(to)); err != nil {
		return err
	}
	err := l.files.Link(from, to)
	if err == nil || errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return l.copyFile(from, to) // the file system has no hard links
}

func (l *Lake) copyFile(from, to string) error {
	in, err := l.files.Open(from)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // it is only read
	out, err := l.files.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}
