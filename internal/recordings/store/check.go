package store

import (
	"errors"
	"io/fs"
	"syscall"
)

// CheckExists returns an [*UnavailableError], which matches [fs.ErrNotExist], if a folder has
// no store.
func CheckExists(path string) error {
	d, err := newDisk(Options{Path: path})
	if err != nil {
		return err
	}
	_, err = d.lstat((&Store{disk: d}).own(layoutFile))
	return d.failed(err)
}

// leastFree is the free space below which a disk counts as full: less than a recording
// of a few minutes.
const leastFree = 1 << 20

// Check returns an [*UnavailableError] if copies cannot be written to a folder. It
// writes nothing, so it detects a full disk by its free space only. A folder that does
// not exist is no error, because [Open] creates it.
func Check(path string) error {
	d, err := newDisk(Options{Path: path})
	if err != nil {
		return err
	}
	switch _, err := d.lstat(d.root + "/."); { // follows a link, and refuses a file
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	if err := writable(d.root); err != nil {
		return d.failed(&fs.PathError{Op: "access", Path: d.root, Err: err})
	}
	if free := freeBytes(d.root); free >= 0 && free < leastFree {
		return d.failed(&fs.PathError{Op: "write", Path: d.root, Err: syscall.ENOSPC})
	}
	return nil
}
