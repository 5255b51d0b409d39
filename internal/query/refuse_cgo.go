//go:build cgo

package query

import (
	"regexp"
	"slices"
	"strings"

	"convsync/internal/answer"
)

// sideEffects are functions that change the session or write a file although a SELECT
// can call them. enable_logging and enable_profiling write into the allowed folders.
// Their names are refused anywhere in a statement, also in a string.
var sideEffects = regexp.MustCompile(`(?i)(?:enable|disable)_(?:logging|profiling|profile|peg_parser)|truncate_duckdb_logs|write_log`)

// calls are functions that are refused where they are called; elsewhere, their names are
// words that people search for. Two write to the disk, the others execute SQL that is
// made of strings, which could call all others.
var calls = []string{"CHECKPOINT", "FORCE_CHECKPOINT", "QUERY", "JSON_EXECUTE_SERIALIZED_SQL"}

// refuseFunctions refuses a statement that calls a function with side effects.
func refuseFunctions(sql string) error {
	if found := sideEffects.FindStringIndex(sql); found != nil {
		return refuseFunction(sql, found[0], sql[found[0]:found[1]])
	}
	var last answer.Token
	for _, t := range answer.Lex(sql) {
		if t.Kind == answer.Space || t.Kind == answer.Comment {
			continue
		}
		name := strings.Trim(last.Text, `"`)
		if t.Text == "(" && slices.Contains(calls, strings.ToUpper(name)) {
			return refuseFunction(sql, last.Start, name)
		}
		last = t
	}
	return nil
}

func refuseFunction(sql string, at int, name string) error {
	e := &answer.SQLError{
		SQL:     sql,
		Message: name + " is not allowed in a statement, because it can have side effects",
		Hint:    "nothing was executed",
		Refused: true,
	}
	e.Line, e.Column = answer.Position(sql, at)
	return e
}

// writes reports whether a statement starts as one that writes.
func writes(sql string) bool {
	words := answer.Words(sql, 1)
	return len(words) > 0 && slices.Contains([]string{"INSERT", "UPDATE", "DELETE", "MERGE", "COPY", "CREATE", "DROP", "ALTER", "IMPORT", "EXPORT", "COMMENT", "EXECUTE"}, words[0])
}
