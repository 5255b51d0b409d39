package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"convsync/internal/config"
	"convsync/internal/load"
)

// The exit codes, as the manual has them.
const (
	exitOK          = 0
	exitFailed      = 1   // no project succeeded
	exitUsage       = 2   // wrong usage or configuration, found before any request
	exitPartial     = 3   // something failed, was rejected or differs; what succeeded is kept
	exitLocked      = 4   // another run holds the lock of a project, or this one lost its own
	exitInterrupted = 130 // Ctrl-C, SIGTERM or SIGHUP
)

// exitError is an error with the exit code that it ends in.
type exitError struct {
	code  int
	err   error
	usage bool // the command's help says what is right

	reported bool // the log and the summary, or JSON, have said it
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// codedError gives an error its exit code.
func codedError(code int, err error) error { return &exitError{code: code, err: err} }

// usageError is for a flag or an argument that is wrong.
func usageError(err error) error { return &exitError{code: exitUsage, err: err, usage: true} }

// configError is for what is wrong in the configuration.
func configError(err error) error { return codedError(exitUsage, err) }

// isReported reports whether people have read the error already.
func isReported(err error) bool {
	coded, ok := err.(*exitError) //nolint:errorlint // joined with another error, it is not all there is to report
	return ok && coded.reported
}

// isSecret reports whether an error says that a secret cannot be read.
func isSecret(err error) bool {
	var secret *config.SecretError
	return errors.As(err, &secret)
}

// isLocked reports whether a run ended because it does not have the lock.
func isLocked(err error) bool {
	var locked *load.LockedError
	return errors.As(err, &locked) || errors.Is(err, load.ErrLockLost)
}

// exitCode is the one place where an error becomes an exit code.
func exitCode(ctx context.Context, err error) int {
	var coded *exitError
	var problem *config.Problem
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &coded):
		return coded.code
	case errors.As(err, &problem), ctx.Err() == nil && (isSecret(err) || load.IsMisconfigured(err)):
		return exitUsage
	case ctx.Err() != nil:
		return exitInterrupted
	case isLocked(err):
		return exitLocked
	default:
		return exitFailed
	}
}

// explain prints an error for the person who started the command.
func explain(w io.Writer, cmd *cobra.Command, err error) {
	fmt.Fprintf(w, "convsync: %v\n", err)
	var coded *exitError
	if errors.As(err, &coded) && coded.usage {
		fmt.Fprintf(w, "see: %s --help\n", cmd.CommandPath())
	}
}
