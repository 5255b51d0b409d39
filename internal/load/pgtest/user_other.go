//go:build !unix

package pgtest

import (
	"errors"
	"syscall"
	"testing"
)

func serverUser(string) (*syscall.SysProcAttr, error) {
	return nil, errors.New("private servers are supported on Unix only")
}

func pauseWalWriter(tb testing.TB, _ *server) func() {
	tb.Helper()
	tb.Fatal("pausing processes is supported on Unix only")
	return nil
}
