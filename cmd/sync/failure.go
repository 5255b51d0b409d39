package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"

	"convsync/internal/config"
	"convsync/internal/load"
	"convsync/internal/pipeline"
	"convsync/internal/serve"
	"convsync/internal/warehouse"
)

// Codes of failures that come before a run, in addition to those of package pipeline.
const (
	codeUsage         = "usage"
	codeConfiguration = "configuration"
)

// failureOf is an error as the JSON output has it; nil: there is none.
func failureOf(ctx context.Context, err error) *pipeline.Failure {
	f := pipeline.FailureOf(err)
	var coded *exitError
	var problem *config.Problem
	switch {
	case err == nil:
		return nil
	case isSecret(err) && ctx.Err() == nil:
		f.Code, f.Hint = pipeline.CodeKeyUnavailable, "check the file, command or variable that holds the secret; `convsync check` tests it"
	case errors.As(err, &coded) && coded.usage:
		f.Code, f.Hint = codeUsage, "see the command's --help"
	case errors.As(err, &problem), coded != nil && coded.code == exitUsage:
		f.Code, f.Hint = codeConfiguration, "correct the configuration; `convsync check` validates it"
	case load.IsMisconfigured(err) && ctx.Err() == nil:
		f.Code = codeConfiguration // its own hint says more
	case ctx.Err() != nil:
		f.Code, f.Hint = pipeline.CodeInterrupted, "run it again"
	}
	return f
}

// failed is the output of a command that came to no result.
type failed struct {
	Verdict string            `json:"verdict"`
	Error   *pipeline.Failure `json:"error"`
}

// printFailure prints why a command came to no result, for machines; people
// read it on stderr. It returns the error.
func printFailure(ctx context.Context, w io.Writer, output string, err error) error {
	if err == nil || output != "json" {
		return err
	}
	return errors.Join(err, json.NewEncoder(w).Encode(failed{serve.VerdictFailing, failureOf(ctx, err)}))
}

// verdictOf is the verdict of a run's status.
func verdictOf(status string) string {
	switch status {
	case warehouse.RunSucceeded:
		return serve.VerdictOK
	case warehouse.RunPartial:
		return serve.VerdictAttention
	}
	return serve.VerdictFailing
}
