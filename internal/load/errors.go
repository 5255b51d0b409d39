package load

import (
	"errors"
	"fmt"
	"time"

	"convsync/internal/warehouse"
)

// ErrNeedsMigration reports that the destination has data in an older layout
// than this program's: `convsync migrate` updates it.
var ErrNeedsMigration = errors.New("the destination has an older layout: run `convsync migrate` first")

// ErrLockLost reports that a writer no longer has its lock: its session ended, or
// another run has taken over. Nothing more is written.
var ErrLockLost = errors.New("the writer's lock was lost")

// LockedError reports that another writer holds a lock of the destination.
type LockedError struct {
	Where   string // the destination, as shown to users
	Project string // whose lock it is; "": that of the whole destination, or unknown
	Owner   Owner  // as far as it is known
}

func (e *LockedError) Error() string { return e.Held() + ": wait until it ends" }

// Held returns the error text without the advice.
func (e *LockedError) Held() string {
	who := "another run"
	if e.Owner.RunID != "" {
		who = fmt.Sprintf("run %s of %s on %s (process %d, since %s)", e.Owner.RunID, e.Owner.Actor,
			e.Owner.Host, e.Owner.ProcessID, e.Owner.Started.Time().Format(time.RFC3339))
	}
	what := e.Where
	if e.Project != "" {
		what = "project " + e.Project + " in " + e.Where
	}
	return fmt.Sprintf("%s is being written by %s", what, who)
}

// MixedProjectError reports that a project id is stored with another account or region.
type MixedProjectError struct {
	ProjectID, Stored, Configured string
}

func (e *MixedProjectError) Error() string {
	return fmt.Sprintf("project %s is stored as read from %s, and is now configured as %s: "+
		"give the new one a name of its own with `as:` in its entry under projects, or use another destination",
		e.ProjectID, e.Stored, e.Configured)
}

// Mixed returns a [*MixedProjectError] if a project is stored with another account
// or region than is configured, else nil.
func Mixed(stored, configured *warehouse.Project) error {
	if stored.AccountID == configured.AccountID && stored.Region == configured.Region {
		return nil
	}
	return &MixedProjectError{ProjectID: configured.ProjectID, Stored: origin(stored), Configured: origin(configured)}
}

// MixedAmong is [Mixed] for the stored project with the configured id. It returns
// nil if there is none.
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

// TooNewError reports that a newer version of the program wrote the destination.
type TooNewError struct {
	Where          string
	Found, Highest int64 // layout versions
}

func (e *TooNewError) Error() string {
	return fmt.Sprintf("%s was written by a newer convsync (layout %d; this one knows up to %d): "+
		"update convsync, or use another destination", e.Where, e.Found, e.Highest)
}

// StateError is a problem of a destination that its operator can solve: what
// failed, and what to do.
type StateError struct {
	What, Hint string
	Err        error

	Misconfigured bool // the configuration is wrong, which the destination was not asked for
	Empty         bool // no run has created the tables yet
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

// IsEmpty reports whether an error says that no run has created the tables of the
// destination yet.
func IsEmpty(err error) bool {
	var state *StateError
	return errors.As(err, &state) && state.Empty
}

// IsMisconfigured reports whether an error is of the configuration of a destination.
func IsMisconfigured(err error) bool {
	var state *StateError
	return errors.As(err, &state) && state.Misconfigured
}
