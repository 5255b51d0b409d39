package search

import (
	"context"
	"errors"
	"io"

	"convsync/internal/answer"
	"convsync/internal/warehouse"
)

// HasIndex reports whether the Postgres of a source has the index, also one that is
// not complete yet.
func HasIndex(ctx context.Context, source answer.Source) (has bool, err error) {
	rows, err := source.Ask(ctx, answer.Statement{
		SQL:    "SELECT 1 FROM pg_indexes WHERE schemaname = current_schema() AND indexname = $name",
		Params: map[string]string{"name": warehouse.SearchIndex},
	})
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	if _, err = rows.Next(ctx); errors.Is(err, io.EOF) {
		return false, nil
	}
	return err == nil, err
}
