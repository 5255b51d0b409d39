//go:build !cgo

package query

import (
	"context"
	"errors"
)

var errNotBuilt = errors.New("this build has no embedded SQL: use a build with cgo, " +
	"or read the lake's files with an engine of your own (DuckDB, Trino, pyarrow)")

// DB is a lake open for queries.
type DB struct{}

// OpenLake opens the lake in a folder. This build cannot.
func OpenLake(context.Context, string) (*DB, error) { return nil, errNotBuilt }

// Query runs one statement.
func (*DB) Query(context.Context, string) (*Result, error) { return nil, errNotBuilt }

// Close closes the lake.
func (*DB) Close() error { return nil }
