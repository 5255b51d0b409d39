package store

import (
	"errors"
	"io/fs"
)

// Check returns an [*UnavailableError] if copies cannot be written to a folder. It
// writes nothing, so it does not detect a full disk. A folder that does not exist is
// no error, because [Open] creates it.
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
	return nil
}
