//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package parquet

import (
	"errors"
	"os"
)

func tryLock(*os.File, bool) (bool, error) {
	return false, errors.New("a lake needs a system with flock, such as Linux or macOS")
}
