//go:build cgo

package query

import (
	"fmt"
	"slices"
	"strings"

	duckdb "github.com/duckdb/duckdb-go/v2"

	"convsync/internal/answer"
)

// wrapper puts a statement into another one that limits its rows, because DuckDB
// computes a whole result before it returns the first row, and that returns JSON as
// text, because the driver would decode it.
type wrapper struct {
	statement *answer.Statement
	names     []string
	json      []bool // the column is JSON
}

// describe reads the columns of the statement. They may not be known before the
// parameters are; then the statement is not wrapped.
func (w *wrapper) describe(prepared *duckdb.Stmt) {
	n, err := prepared.ColumnCount()
	for i := 0; i < n && err == nil; i++ {
		var name string
		var info duckdb.TypeInfo
		if name, err = prepared.ColumnName(i); err == nil {
			info, err = prepared.ColumnTypeInfo(i)
		}
		if err == nil {
			w.names, w.json = append(w.names, name), append(w.json, info.Alias() == "JSON")
		}
	}
	if err != nil {
		w.names, w.json = nil, nil
	}
}

// head and tail enclose the statement.
func (w *wrapper) head() string {
	selected := make([]string, len(w.names))
	for i := range selected {
		selected[i] = fmt.Sprintf("c%d", i)
		if w.json[i] {
			selected[i] = fmt.Sprintf("CAST(c%d AS VARCHAR)", i)
		}
	}
	return "SELECT " + strings.Join(selected, ", ") + " FROM (\n"
}

func (w *wrapper) tail() string {
	names := make([]string, len(w.names))
	for i := range names {
		names[i] = fmt.Sprintf("c%d", i)
	}
	tail := "\n) AS answer (" + strings.Join(names, ", ") + ")"
	if w.statement.Limit > 0 {
		tail += fmt.Sprintf(" LIMIT %d", w.statement.Limit)
	}
	return tail
}

// prepare prepares the wrapped statement. nil: it is not needed or not possible.
func (w *wrapper) prepare(conn *duckdb.Conn) *duckdb.Stmt {
	if len(w.names) == 0 || w.statement.Limit == 0 && !slices.Contains(w.json, true) {
		w.json = nil
		return nil
	}
	prepared, typ, err := prepare(conn, w.head()+answer.Trim(w.statement.SQL)+w.tail())
	if err == nil && typ == duckdb.STATEMENT_TYPE_SELECT {
		return prepared
	}
	if err == nil {
		_ = prepared.Close() // it was not executed
	}
	w.json = nil
	return nil
}
