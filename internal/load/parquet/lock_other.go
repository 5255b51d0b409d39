//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package parquet

import "errors"

// TryLock implements [fileSystem].
func (a access) TryLock(file, bool) (bool, error) {
	return false, errors.New("a lake needs a system with flock, such as Linux or macOS")
}
