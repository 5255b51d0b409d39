package load

import (
	"context"

	"convsync/internal/warehouse"
)

// Destination is a warehouse that conversations are loaded into. It is composed of
// what its consumers need of it: each of them takes only its own part.
type Destination interface {
	ProjectReader
	StateReader
	Reporter
	DayReader
	Archive
	RecordingReader
	RecordingClaimer
	Writable
	// Check returns an error if a run could not load: the destination must be
	// reachable, permit writing and have a known version. It leaves nothing
	// behind. Its errors are shown to users.
	Check(ctx context.Context) error
	Close() error
}

// Writable is a destination as a run writes to it.
type Writable interface {
	// Prepare sets up an empty destination. It does not change a destination that
	// has data in an older layout, and returns [ErrNeedsMigration].
	Prepare(ctx context.Context) error
	// Begin takes the writer's lock of each project, by its stored id: no other
	// writer of one of them exists until Close. Writers of other projects may exist
	// at the same time, in any process. Without a project it takes the lock of the
	// whole destination, which excludes every other writer. It returns a
	// [*LockedError] when another writer does not release one of the locks within
	// the destination's timeout, and holds none of them then. A writer may be
	// given windows of its projects only.
	Begin(ctx context.Context, owner Owner, projects ...string) (Writer, error)
}

// Feed is one stream of conversations: a project, as stored, in one environment.
type Feed struct{ ProjectID, Environment string }

// Project is a project as configured.
type Project struct {
	warehouse.Project
	// Environments are in the order of the configuration. If the source returns an
	// id in two of them, the earlier one keeps it.
	Environments []string
	// Since is the earliest start that the run reads; 0: not known. A loader may
	// prepare for starts from then on, such as by creating partitions.
	Since warehouse.Timestamp
}

// Owner identifies the holder of the writer's lock, for the errors of others.
type Owner struct {
	RunID, Actor, Host, Version string
	Kind                        string // of the run
	ProcessID                   int
	Started                     warehouse.Timestamp
}
