//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package store

import (
	"errors"
	"os"
)

func tryLock(*os.File) (bool, error) {
	return false, errors.New("storing recordings needs a system with flock, such as Linux or macOS")
}

func syncEntries(*os.File) error { return nil }
