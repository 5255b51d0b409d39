//go:build cgo

package query

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"strconv"
	"strings"

	duckdb "github.com/duckdb/duckdb-go/v2"

	"convsync/internal/answer"
)

// statementError turns an error of DuckDB into one about the statement.
func statementError(ctx context.Context, err error, s *answer.Statement) error {
	var known *answer.SQLError
	var engine *duckdb.Error
	switch {
	case errors.As(err, &known):
		return known
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &engine):
		shift := 0
		if run := (*runError)(nil); errors.As(err, &run) {
			shift = run.shift
		}
		return engineError(engine, s, shift)
	case strings.Contains(err.Error(), "multi-statement"):
		return answer.Refuse(s.SQL)
	}
	return err
}

// runError is an error of a statement that is executed. Its positions are greater
// than those in the text of the user.
type runError struct {
	err   error
	shift int
}

func (e *runError) Error() string { return e.err.Error() }
func (e *runError) Unwrap() error { return e.err }

// reported is an error as DuckDB reports it with errors_as_json.
type reported struct {
	Type     string `json:"exception_type"`
	Message  string `json:"exception_message"`
	Position string `json:"position"` // offset in bytes
}

// guesses are DuckDB's own, which include its internal tables.
var guesses = regexp.MustCompile(`\s*(?:Did you mean|Candidate bindings).*`)

func engineError(err *duckdb.Error, s *answer.Statement, shift int) error {
	var r reported
	_, text, _ := strings.Cut(err.Msg, "{") // errors of the parser have a prefix
	if json.Unmarshal([]byte("{"+text), &r) != nil || r.Message == "" {
		return &answer.SQLError{SQL: s.SQL, Message: err.Msg}
	}
	e := &answer.SQLError{SQL: s.SQL, Message: r.Message}
	at, failed := strconv.Atoi(r.Position)
	if at -= shift; failed != nil || at > len(s.SQL) {
		at = -1
	}
	if at >= 0 {
		e.Line, e.Column = answer.Position(s.SQL, at)
	}
	table := strings.HasPrefix(r.Message, "Table with name")
	column := strings.HasPrefix(r.Message, "Referenced column") || strings.Contains(r.Message, "does not have a column named")
	if table || column {
		e.Message = guesses.ReplaceAllString(e.Message, "")
		e.Suggest(answer.NameAt(s.SQL, at), column, Objects())
	}
	if r.Type == "Permission" {
		e.Hint = "statements can read the tables and views of the lake, and no other file"
	}
	return e
}
