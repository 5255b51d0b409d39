package loadtest

import (
	"testing"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// Subject is a destination under test. All of its Opens open the same one.
type Subject interface {
	// Open opens the destination. step, when not nil, is called before each
	// step that leaves something behind, with the step's name.
	Open(t testing.TB, step func(name string)) load.Destination
	// Impatient is Open for one who hardly waits for another writer. All others
	// wait for as long as a machine may take that does much else.
	Impatient(t testing.TB) load.Destination
	// Dump reads everything that is stored, not through the loader.
	Dump(t testing.TB) *Dump
	// Locator names the destination so that another process of the same test
	// binary can open it (a folder; a URL and schema).
	Locator() string
	// Inflict damages what is stored of a conversation, not through the loader,
	// while no run is under way. It returns false where the destination has
	// nothing that can be damaged so.
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
	Revealed      []warehouse.Reveal
	Holes         []warehouse.Hole
	// Events and Alerts, with those that no run has put into their tables yet.
	Events []warehouse.WebhookEvent
	Alerts []warehouse.ActiveAlert
}
