//go:build darwin || linux

package store

import "golang.org/x/sys/unix"

// freeBytes returns the free space of the file system of a path, or -1.
func freeBytes(path string) int64 {
	var stat unix.Statfs_t
	if err := unix.Statfs(path, &stat); err != nil {
		return -1
	}
	return int64(stat.Bavail) * int64(stat.Bsize) //nolint:unconvert // their types differ between systems
}
