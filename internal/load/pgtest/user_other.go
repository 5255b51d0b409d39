//go:build !unix

package pgtest

import (
	"errors"
	"syscall"
)

func serverUser(string) (*syscall.SysProcAttr, error) {
	return nil, errors.New("a private server is made on Unix only")
}
