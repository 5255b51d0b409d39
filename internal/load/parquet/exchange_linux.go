package parquet

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Exchange implements [fileSystem].
func (a access) Exchange(x, y string) error {
	err := unix.Renameat2(unix.AT_FDCWD, x, unix.AT_FDCWD, y, unix.RENAME_EXCHANGE)
	for _, refused := range []error{unix.ENOSYS, unix.EINVAL, unix.EOPNOTSUPP, unix.EXDEV, unix.EPERM, unix.EACCES} {
		if errors.Is(err, refused) { // by the file system, or by a filter of system calls
			return errors.Join(errNoExchange, err)
		}
	}
	if err != nil {
		return fmt.Errorf("exchange %s and %s: %w", x, y, err)
	}
	return nil
}
