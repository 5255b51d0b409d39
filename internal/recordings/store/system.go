//go:build darwin || linux

package store

import (
	"path/filepath"

	"golang.org/x/sys/unix"
)

// freeBytes returns the free space of the file system of a path, which may not exist
// yet, or -1.
func freeBytes(path string) int64 {
	var stat unix.Statfs_t
	for {
		err := unix.Statfs(path, &stat)
		if err == nil {
			return int64(stat.Bavail) * int64(stat.Bsize) //nolint:unconvert // their types differ between systems
		}
		parent := filepath.Dir(path)
		if parent == path {
			return -1
		}
		path = parent
	}
}

// writable returns why this process cannot create files in a folder.
func writable(path string) error { return unix.Access(path, unix.W_OK|unix.X_OK) }
