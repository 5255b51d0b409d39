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
	What        []string            // what was found, one sentence each, for people
}

// Recoverer is implemented by writers of destinations whose files can be lost,
// or copied while they are written.
type Recoverer interface {
	// Recover compares what is stored of the registered projects with what was
	// recorded: cheaply, by names and sizes. What does not fit no longer counts as
	// read, and is written again from what can be read of it, so that whatever the
	// source has replaces it. It returns what it found, with what was found when
	// the writer began.
	Recover(ctx context.Context, runID string, at warehouse.Timestamp) ([]Uncovered, error)
}

// Inspector is implemented by destinations whose writer is a [Recoverer].
type Inspector interface {
	// Inspect lists what Recover would find, and changes nothing.
	Inspect(ctx context.Context) ([]Uncovered, error)
}
