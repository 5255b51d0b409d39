//go:build cgo

package query

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	duckdb "github.com/duckdb/duckdb-go/v2"
)

// settings keep DuckDB within the lake and the machine: a modest memory, and
// no extension from anywhere. JSON, Parquet and time zones are built in.
const settings = "?autoinstall_known_extensions=false&autoload_known_extensions=false&memory_limit=1GB"

// DB is a lake open for queries. It is safe for concurrent use.
type DB struct{ db *sql.DB }

// OpenLake opens the lake in a folder. Each query sees the files that are
// there when it begins.
func OpenLake(ctx context.Context, path string) (*DB, error) {
	views, err := lakeViews(path)
	if err != nil {
		return nil, err
	}
	connector, err := duckdb.NewConnector(settings, func(conn driver.ExecerContext) error {
		_, err := conn.ExecContext(ctx, "SET TimeZone = 'UTC'", nil)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot start the embedded SQL: %w", err)
	}
	db := sql.OpenDB(connector) // closes the connector
	for _, view := range views {
		if _, err := db.ExecContext(ctx, view); err != nil {
			return nil, errors.Join(fmt.Errorf("cannot open the lake %s: %w", path, err), db.Close())
		}
	}
	return &DB{db}, nil
}

// Close closes the lake.
func (d *DB) Close() error { return d.db.Close() }

// Query runs one statement and returns its whole answer.
func (d *DB) Query(ctx context.Context, statement string) (result *Result, err error) {
	rows, err := d.db.QueryContext(ctx, statement)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	result = &Result{}
	if result.Columns, err = rows.Columns(); err != nil {
		return nil, err
	}
	for rows.Next() {
		row := make([]any, len(result.Columns))
		into := make([]any, len(row))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		for i := range row {
			row[i] = plain(row[i])
		}
		result.Rows = append(result.Rows, row)
	}
	return result, rows.Err()
}

// plain is a value without DuckDB's own types.
func plain(v any) any {
	switch v := v.(type) {
	case duckdb.Decimal:
		return v.String()
	case duckdb.UUID:
		return v.String()
	}
	return v
}
