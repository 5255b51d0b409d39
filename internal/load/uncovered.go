package load

import (
	"context"

	"convsync/internal/warehouse"
)

// Uncovered is a time range of a project in which stored files are missing or are
// not those that the destination recorded. It no longer counts as read, so that
// the next incremental run reads it again.
type Uncovered struct {
	ProjectID   string              // "": nothing can be read again
	From, Until warehouse.Timestamp // start times; both 0: everything
	What        []string            // findings, one sentence each, as shown to users
}

// Recoverer is implemented by writers of destinations whose files can be lost,
// or copied while they are written.
type Recoverer interface {
	// Recover compares the stored files of the registered projects with the records
	// of them, cheaply, by names and sizes. Data that differs no longer counts as
	// read, and what is readable of it is written again, so that a later version of
	// the source replaces it. It returns these findings and those of Begin.
	Recover(ctx context.Context, runID string, at warehouse.Timestamp) ([]Uncovered, error)
}

// Inspector is implemented by destinations whose writer is a [Recoverer].
type Inspector interface {
	// Inspect returns what Recover would find, and changes nothing.
	Inspect(ctx context.Context) ([]Uncovered, error)
}
