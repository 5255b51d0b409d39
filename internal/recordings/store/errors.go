package store

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// UnavailableError reports that a file operation of the store failed: the disk is
// full or read-only, or the folder is not accessible. It says nothing about a
// recording.
type UnavailableError struct {
	Path      string // of the store
	FreeBytes int64  // of its file system; -1: unknown
	Err       error
}

func (e *UnavailableError) Error() string {
	free := ""
	if e.FreeBytes >= 0 {
		free = fmt.Sprintf(" (%.1f MB free)", float64(e.FreeBytes)/1e6)
	}
	return fmt.Sprintf("the recordings store %s is not available: %v%s: %s", e.Path, e.Err, free, e.hint())
}

func (e *UnavailableError) Unwrap() error { return e.Err }

func (e *UnavailableError) hint() string {
	switch {
	case errors.Is(e.Err, syscall.ENOSPC), errors.Is(e.Err, syscall.EDQUOT):
		return "free some space; recordings wait until then"
	case errors.Is(e.Err, syscall.EROFS), errors.Is(e.Err, fs.ErrPermission):
		return "let the user of convsync write to the folder, or configure another one"
	case errors.Is(e.Err, syscall.EXDEV):
		return "mount the whole store as one file system"
	case errors.Is(e.Err, syscall.ENOTSUP), errors.Is(e.Err, syscall.ENOLCK), errors.Is(e.Err, syscall.ENOSYS):
		return "the file system does not support flock: use a local disk, or mount it with locks"
	case errors.Is(e.Err, syscall.ENOTDIR), errors.Is(e.Err, fs.ErrExist):
		return "a part of the path is a file: correct audio.store"
	case errors.Is(e.Err, fs.ErrNotExist):
		return "check the path, and that the disk is mounted"
	}
	return "check the disk; recordings are tried again later"
}

// IsUnavailable reports whether err is or wraps an [*UnavailableError].
func IsUnavailable(err error) bool {
	var unavailable *UnavailableError
	return errors.As(err, &unavailable)
}

// ClaimedError reports that the recordings of a project are claimed already.
type ClaimedError struct {
	Project string
	Path    string // of the store
	Holder  string // process and host; "" if unknown
}

func (e *ClaimedError) Error() string {
	holder := e.Holder
	if holder == "" {
		holder = "another process"
	}
	return fmt.Sprintf("recordings of project %s in %s are being stored by %s: wait until it ends", e.Project, e.Path, holder)
}
