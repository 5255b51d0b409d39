//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package parquet

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// TryLock implements [fileSystem]. The kernel frees the lock when the process
// ends.
func (a access) TryLock(f file, shared bool) (bool, error) {
	how := unix.LOCK_EX
	if shared {
		how = unix.LOCK_SH
	}
	err := unix.Flock(int(f.(*os.File).Fd()), how|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}
