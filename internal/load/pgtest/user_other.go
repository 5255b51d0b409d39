//go:build !unix

package pgtest

import (
	"errors"
	"syscall"
	"testing"
)

func serverUser(string) (*syscall.SysProcAttr, error) {
	return nil, errors.New("a private server is made on Unix only")
}

func pauseWalWriter(tb testing.TB, _ *server) func() {
	tb.Helper()
	tb.Fatal("processes are paused on Unix only")
	return nil
}
