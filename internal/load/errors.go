package load

import (
	"errors"
	"fmt"
	"time"

	"convsync/internal/warehouse"
)

// ErrNeedsMigration says that the destination's layout is older than this
// program's and holds data: `convsync migrate` takes it up.
var ErrNeedsMigration = errors.New("the destination has an older layout: run `convsync migrate` first")

// ErrLockLost says that a writer no longer has its lock: its session ended, or
// another run has taken over. Nothing more is written.
var ErrLockLost = errors.New("the writer's lock was lost")

// LockedError says that another writer holds the destination.
type LockedError struct {
	Where string // the destination, for people
	Owner Owner  // as far as it is known
}

func (e *LockedError) Error() string { return e.Held() + ": wait until it ends" }

// Held says who holds what, without what to do.
func (e *LockedError) Held() string {
	who := "another run"
	if e.Owner.RunID != "" {
		who = fmt.Sprintf("run %s of %s on %s (process %d, since %s)", e.Owner.RunID, e.Owner.Actor,
			e.Owner.Host, e.Owner.ProcessID, e.Owner.Started.Time().Format(time.RFC3339))
	}
	return fmt.Sprintf("%s is being written by %s", e.Where, who)
}

// MixedProjectError says that a project id is stored with another account or region.
type MixedProjectError struct {
	ProjectID, Stored, Configured string
}

func (e *MixedProjectError) Error() string {
	return fmt.Sprintf("project %s is stored as read from %s, and is now configured as %s: "+
		"give the new one a name of its own with `as:` in its entry under projects, or use another destination",
		e.ProjectID, e.Stored, e.Configured)
}

// Mixed is the error of a project that is stored with another account or region
// than is configured; nil: it is the same project.
func Mixed(stored, configured *warehouse.Project) error {
	if stored.AccountID == configured.AccountID && stored.Region == configured.Region {
		return nil
	}
	return &MixedProjectError{ProjectID: configured.ProjectID, Stored: origin(stored), Configured: origin(configured)}
}

// MixedAmong is the error of a project that is stored otherwise; nil: it is
// stored as it is configured, or not at all.
func MixedAmong(stored []warehouse.Project, configured *warehouse.Project) error {
	for i := range stored {
		if stored[i].ProjectID == configured.ProjectID {
			return Mixed(&stored[i], configured)
		}
	}
	return nil
}

func origin(p *warehouse.Project) string {
	return fmt.Sprintf("account %s, region %s", p.AccountID, p.Region)
}

// TooNewError says that a newer version of the program wrote the destination.
type TooNewError struct {
	Where          string
	Found, Highest int64 // layout versions
}

func (e *TooNewError) Error() string {
	return fmt.Sprintf("%s was written by a newer convsync (layout %d; this one knows up to %d): "+
		"update convsync, or use another destination", e.Where, e.Found, e.Highest)
}

// StateError is a destination's trouble for people: what failed, and what to do.
type StateError struct {
	What, Hint string
	Err        error
}

func (e *StateError) Error() string {
	msg := e.What
	if e.Err != nil {
		msg += ": " + e.Err.Error()
	}
	if e.Hint != "" {
		msg += "; " + e.Hint
	}
	return msg
}

func (e *StateError) Unwrap() error { return e.Err }
