package parquet

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Exchange implements [fileSystem].
func (a access) Exchange(x, y string) error {
	err := unix.Renameat2(unix.AT_FDCWD, x, unix.AT_FDCWD, y, unix.RENAME_EXCHANGE)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EXDEV) {
		return errors.Join(errNoExchange, err)
	}
	if err != nil {
		return fmt.Errorf("exchange %s and %s: %w", x, y, err)
	}
	return nil
}
