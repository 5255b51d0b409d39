package load

import (
	"context"
	"time"

	"convsync/internal/warehouse"
)

// Writer is the one writer of its projects. Stage may be called from several
// goroutines, the other methods from one at a time. Publish may run concurrently
// with Stage of other windows.
type Writer interface {
	Mender
	Stager
	// Register stores the projects. It refuses a project that is stored with
	// another account or region with [*MixedProjectError]. The stored other form
	// of a project's id remains: see [Registered].
	Register(ctx context.Context, projects []Project) error
	// Publish commits what was staged for the window, then its coverage. When
	// conversations were staged with an earlier start than is stored, and Judged
	// does not name them, it commits nothing and returns an
	// [*EarlierStartsError]. The window remains open: the caller may stage more
	// for it, and publishes it again.
	Publish(ctx context.Context, window *Window) (Counts, error)
	// Abandon drops what was staged for a window that failed. Rows that are
	// already visible remain: reading a window again is idempotent.
	Abandon(ctx context.Context, window WindowID) (Counts, error)
	// Finish records the end of the run, also if ctx is canceled, which ends only work
	// that a later run can do as well.
	Finish(ctx context.Context, run *warehouse.SyncRun) error
	// Close releases the locks. Without Finish the run counts as killed.
	Close() error
}

// Stager takes conversations. It is safe for concurrent use.
type Stager interface {
	// Stage hands over conversations of a window. They may become visible from
	// now on, and are visible and durable after its Publish. The commit that loads
	// a conversation, or finds it unchanged, deletes the feed's rejects with its id.
	//
	// It also stores the Digest of the version, and removes the stored one if that of
	// the version is not known: see [Decision.KeepsDigest]. Storing only a digest changes
	// no row, and is no change of the conversation. Everything else that changes a stored
	// conversation removes its digest: marking it as missing, and [Mender.Mend].
	//
	// Once Stage returns without an error, the rows belong to the destination, which may
	// recycle them: see [warehouse.Rows.Recycle]. The caller no longer uses them.
	Stage(ctx context.Context, batch *Batch) error
}

// Watched is a [Writer] that can lose its lock while it runs, and detects that.
type Watched interface {
	// Lost yields one error that wraps [ErrLockLost] when the lock is lost. The run
	// ends then, whatever it is waiting for.
	Lost() <-chan error
}

// FigureKeeper is a [Writer] that stores figures of whole days for views, so that they
// need not be computed for each query. Views return the same without them.
type FigureKeeper interface {
	// StoreFigures stores the figures of days of its projects that have changed and are
	// over, until the time is up or all are stored. It returns the number of days.
	StoreFigures(ctx context.Context, limit time.Duration) (days int, err error)
}
