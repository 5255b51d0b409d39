package load

import (
	"context"

	"convsync/internal/warehouse"
)

// FaultKind says how stored data contradicts itself.
type FaultKind string

// The kinds of faults.
const (
	FaultSecondCopy  FaultKind = "second_copy"       // a conversation is stored more than once
	FaultOrphanParts FaultKind = "orphan_parts"      // parts without a conversation of their id and start
	FaultLostRow     FaultKind = "lost_conversation" // known to be stored, but its own row is missing
	FaultMissingKey  FaultKind = "missing_key"       // a conversation that the index of keys lacks
	FaultStaleKey    FaultKind = "stale_key"         // a key that differs from its conversation
	FaultLifecycle   FaultKind = "wrong_lifecycle"   // lifecycle contradicts in_progress
	FaultNotQueued   FaultKind = "not_queued"        // an open conversation without an entry in open_conversations
	FaultStaleEntry  FaultKind = "stale_queue_entry" // an entry that no open conversation belongs to
	FaultLostFile    FaultKind = "lost_file"         // in the manifest, but not on disk
	FaultAlteredFile FaultKind = "altered_file"      // readable, but not the file that the manifest describes
	FaultDamagedFile FaultKind = "damaged_file"      // cannot be read
	FaultForeignFile FaultKind = "foreign_file"      // in a folder of a table, where readers find it, but not written by convsync
	FaultMisplaced   FaultKind = "misplaced_rows"    // rows of another day, or out of order
	FaultManifest    FaultKind = "wrong_manifest"    // the manifest's counts differ from the rows
)

// Fault is one contradiction in the stored data of a project.
type Fault struct {
	Kind      FaultKind
	Table     string
	ID        string              // of the conversation; "" for a file or a partition
	StartedAt warehouse.Timestamp // of the rows; midnight of the day for a file or a partition
	Path      string              // of a file, relative to the destination
}

// Auditor checks stored data against itself.
type Auditor interface {
	// Audit yields each fault once in the stored data of a project with a start
	// within [from, until). A concurrent commit is not a fault. An error of yield
	// ends the audit and is returned.
	Audit(ctx context.Context, project string, from, until warehouse.Timestamp, yield func(Fault) error) error
}

// ErasureReader reads which conversations were erased on request.
type ErasureReader interface {
	// Erased returns those of the ids that have a tombstone in erasures.
	Erased(ctx context.Context, project string, ids []string) ([]string, error)
}

// Mender repairs the faults that an [Auditor] finds, and deletes no data that is
// stored only once: copies are merged, parts of a conversation that is known to
// have been stored get its row back, and files are moved aside. Each changed
// conversation is recorded in changes.
type Mender interface {
	Mend(ctx context.Context, m *Mending) (Counts, error)
}

// Mending says what to repair in a project.
type Mending struct {
	ProjectID string
	// Ranges are start times. Mend audits them again, under the writer's lock.
	Ranges []Range
	// Reseal lists conversations whose rows do not match their hash and that the
	// source cannot provide: the rows are accepted as they are.
	Reseal []Key
	RunID  string
	At     warehouse.Timestamp // now, by the local clock
}

// DamagedError reports that the stored data of a range of start times cannot be
// read. Other ranges can be read.
type DamagedError struct {
	From, Until warehouse.Timestamp
	Err         error
}

func (e *DamagedError) Error() string { return e.Err.Error() }
func (e *DamagedError) Unwrap() error { return e.Err }
