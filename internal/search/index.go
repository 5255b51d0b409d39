package search

import (
	"context"

	"convsync/internal/answer"
	"convsync/internal/warehouse"
)

// HasIndex reports whether the Postgres of a source has the index, also one that is
// not complete yet. That of a version that did not compose characters is of no use.
func HasIndex(ctx context.Context, source answer.Source) (has bool, err error) {
	_, rows, err := answer.Read(ctx, source, answer.Statement{
		SQL:    "SELECT 1 FROM pg_indexes WHERE schemaname = current_schema() AND indexname = $name AND indexdef ILIKE $used",
		Params: map[string]string{"name": warehouse.SearchIndex, "used": "%normalize(%"},
	})
	return len(rows) > 0, err
}
