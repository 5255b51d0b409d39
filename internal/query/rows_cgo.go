//go:build cgo

package query

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"strings"

	duckdb "github.com/duckdb/duckdb-go/v2"

	"convsync/internal/answer"
)

// lakeRows are the rows of a statement.
type lakeRows struct {
	prepared *duckdb.Stmt
	rows     driver.Rows
	columns  []answer.Column
	uuid     []bool
	values   []driver.Value
}

func newLakeRows(prepared *duckdb.Stmt, rows driver.Rows, w *wrapper) *lakeRows {
	r := &lakeRows{prepared: prepared, rows: rows, values: make([]driver.Value, len(rows.Columns()))}
	types := rows.(driver.RowsColumnTypeDatabaseTypeName)
	for i, name := range rows.Columns() {
		typ := types.ColumnTypeDatabaseTypeName(i)
		c := answer.Column{Name: name, Type: typeOf(typ)}
		if len(w.names) == len(r.values) {
			c.Name = w.names[i]
		}
		if w.json != nil && w.json[i] {
			c.Type = answer.JSON
		}
		r.columns, r.uuid = append(r.columns, c), append(r.uuid, typ == "UUID")
	}
	return r
}

// Columns implements [answer.Rows].
func (r *lakeRows) Columns() []answer.Column { return r.columns }

// Next implements [answer.Rows].
func (r *lakeRows) Next(ctx context.Context) ([]any, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := r.rows.Next(r.values); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		return nil, err
	}
	row := make([]any, len(r.values))
	for i, v := range r.values {
		if id, ok := v.([]byte); ok && r.uuid[i] {
			v = formatUUID(id)
		}
		row[i] = valueOf(r.columns[i].Type, v)
	}
	return row, nil
}

// Close implements [answer.Rows].
func (r *lakeRows) Close() error { return errors.Join(r.rows.Close(), r.prepared.Close()) }

// planRows are the lines of a plan, as Postgres returns them: DuckDB returns one
// value with all of them.
type planRows struct {
	*lakeRows
	lines []string
}

// Columns implements [answer.Rows].
func (*planRows) Columns() []answer.Column {
	return []answer.Column{{Name: "QUERY PLAN", Type: answer.Text}}
}

// Next implements [answer.Rows].
func (p *planRows) Next(ctx context.Context) ([]any, error) {
	for len(p.lines) == 0 {
		row, err := p.lakeRows.Next(ctx)
		if err != nil {
			return nil, err
		}
		text, _ := row[len(row)-1].(string)
		p.lines = strings.Split(strings.TrimRight(text, "\n"), "\n")
	}
	line := p.lines[0]
	p.lines = p.lines[1:]
	return []any{line}, nil
}
