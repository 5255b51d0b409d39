//go:build !cgo

package query

import (
	"context"

	"convsync/internal/answer"
)

// DB is a lake open for queries.
type DB struct{}

// OpenLake opens the lake in a folder. This build cannot.
func OpenLake(context.Context, string) (*DB, error) { return nil, ErrNotBuilt }

// Query runs one statement.
func (*DB) Query(context.Context, string) (*Result, error) { return nil, ErrNotBuilt }

// Close closes the lake.
func (*DB) Close() error { return nil }

// Options configure a source.
type Options struct {
	Path, Temporary string
	MemoryBytes     int64
}

// Open opens the tables in a folder. This build cannot.
func Open(context.Context, Options) (answer.Source, error) { return nil, ErrNotBuilt }
