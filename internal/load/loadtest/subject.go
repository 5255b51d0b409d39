package loadtest

import (
	"testing"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// Subject is a destination under test. Each Open opens the same one.
type Subject interface {
	// Open opens the destination. step, if not nil, is called with a name before
	// each step that changes stored data.
	Open(t testing.TB, step func(name string)) load.Destination
	// Impatient is Open with a short timeout for the writer's lock. The timeout of
	// Open must be long enough for a machine under load.
	Impatient(t testing.TB) load.Destination
	// Dump reads everything that is stored, without the loader.
	Dump(t testing.TB) *Dump
	// Locator names the destination so that another process of the same test
	// binary can open it (a folder; a URL and schema).
	Locator() string
	// Inflict damages a stored conversation, without the loader, while no run is in
	// progress. It returns false if the destination cannot have this damage.
	Inflict(t testing.TB, d Damage, of *warehouse.Rows) bool
}

// Dump is everything that is stored.
type Dump struct {
	// Conversations by project and conversation id, parts in the order of
	// their keys. A key that is stored twice is a failure of Dump.
	Conversations map[[2]string]*warehouse.Rows
	Changes       []warehouse.Change // in sequence
	Coverage      []warehouse.CoverageRange
	Watermarks    []warehouse.Watermark
	Open          []warehouse.OpenConversation
	Rejects       []warehouse.Reject
	Drift         []warehouse.Drift
	Projects      []warehouse.Project
	Runs          []warehouse.SyncRun
	Lateness      []warehouse.Lateness
	VisibleAgain  []warehouse.Reveal
	Holes         []warehouse.Hole
	// Events and Alerts include those that no run has moved into their tables yet.
	Events []warehouse.WebhookEvent
	Alerts []warehouse.ActiveAlert
}
