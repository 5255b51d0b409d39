package parquet

import (
	"context"
	"errors"
	"io/fs"
	"syscall"

	"convsync/internal/load"
)

// failed wraps err in a [load.StateError] that says what could not be done,
// with a hint on what to do.
func failed(what string, err error) error {
	var reported *load.StateError
	var newer *load.TooNewError
	var taken *load.TakenOverError
	var locked *load.LockedError
	if err == nil || errors.Is(err, load.ErrNeedsMigration) || errors.As(err, &reported) || errors.As(err, &newer) || errors.As(err, &taken) || errors.As(err, &locked) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &load.StateError{What: what, Hint: hint(err), Err: err}
}

func hint(err error) string {
	switch {
	case errors.Is(err, syscall.ENOTSUP), errors.Is(err, syscall.ENOLCK), errors.Is(err, syscall.ENOSYS):
		return "the file system does not support flock: put the lake on a local disk, or mount it with locks"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "free some space and run again: nothing that was published is lost"
	case errors.Is(err, syscall.EFBIG):
		return "raise the limit on the size of files (ulimit -f), or configure a folder on another file system, and run again: nothing that was published is lost"
	case errors.Is(err, syscall.ENOTDIR):
		return "a part of the path is a file: correct destination.parquet.path"
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return "let the user of convsync write to the folder, or configure another one"
	case errors.Is(err, fs.ErrNotExist):
		return "a file of the lake is missing: restore it, or start with an empty folder"
	}
	return "run again: nothing that was published is lost"
}

// damaged returns the error of a file of the lake that cannot be read.
func damaged(path string, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return failed("cannot read "+path, err)
	}
	return &load.StateError{
		What: "cannot read " + path, Err: err,
		Hint: "restore the file from a backup, or start with an empty folder and load again",
	}
}
