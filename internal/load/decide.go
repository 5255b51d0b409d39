package load

import (
	"slices"
	"strings"

	"convsync/internal/warehouse"
)

// This file decides which version of a conversation wins. A loader makes three
// steps, and the second needs no rows:
//
//  1. [Newest] keeps one of the versions that were staged together.
//  2. [Batch.Decide] compares it with the key of the stored version.
//  3. [Batch.Merge] compares it with the rows of the stored version, and takes
//     over what the source hides ([Reconcile]).
//
// A loader adds the result of 2 and 3 to its counts with [Decision.Count], and
// the result of 3 to its [VisibilityChanges].

// Action says how a staged version is handled.
type Action string

const (
	Skip      Action = "skip"      // the stored version wins
	Unchanged Action = "unchanged" // the stored version is the same
	Merge     Action = "merge"     // the stored rows decide: [Batch.Merge]
	Insert    Action = "insert"    // it is written; nothing is stored
	Update    Action = "update"    // it is written, and replaces the stored version
)

// Decision is the result for one staged version, with all that is counted of it.
type Decision struct {
	Action     Action
	Elsewhere  bool           // another environment has the id, and it did not move from there
	OtherStart *OtherStart    // the stored version has another start; nil: the same one
	Late       [2]LatenessKey // what is counted as late, where it has a measure
	// VisibleAgain are the parts that the source had hidden and returns again, and
	// Day the UTC midnight of the stored start.
	VisibleAgain Parts
	Day          warehouse.Timestamp
}

// Writes reports whether the staged version is written.
func (d *Decision) Writes() bool { return d.Action == Insert || d.Action == Update }

// KeepsDigest reports whether the stored digest remains. Otherwise that of the staged
// version replaces it, since the stored rows are now what that version makes of them.
func (d *Decision) KeepsDigest() bool { return d.Action == Skip }

// Count adds a decision to the counts of a window.
func (d *Decision) Count(c *Counts) {
	switch d.Action {
	case Skip, Unchanged:
		c.Unchanged++
	case Insert:
		c.Inserted++
	case Update:
		c.Updated++
	}
	if d.Elsewhere {
		c.Elsewhere++
	}
	if d.OtherStart != nil {
		c.OtherStarts = append(c.OtherStarts, *d.OtherStart)
	}
	c.addLate(d.Late)
}

// StoredKey describes a stored version without its rows, for decisions.
type StoredKey struct {
	Place
	ContentHash, Lifecycle string
	Missing                bool // marked as no longer listed by the source
	Erased                 bool // erased on request: it is never loaded again
}

// KeyOf is the key of a stored conversation.
func KeyOf(c *warehouse.Conversation) StoredKey {
	return StoredKey{Place: PlaceOf(c), ContentHash: c.ContentHash, Lifecycle: c.Lifecycle, Missing: c.MissingSince.Valid}
}

// Decide compares a staged version with the key of the stored one: [Skip],
// [Unchanged] or [Merge]. Without a stored version there is nothing to decide,
// and [Batch.Merge] follows. environments are the project's, as configured.
//
// A version that the source no longer lists at its place is replaced by any
// other. Otherwise the environment that is configured first keeps an id, and of
// two starts the later one is stored, in whichever order they are read.
func (b *Batch) Decide(environments []string, in *warehouse.Conversation, stored StoredKey) Decision {
	d := Decision{Action: Merge}
	wins := true
	switch {
	case stored.Erased:
		wins = false
	case stored.Missing || b.Moved[in.ConversationID] == stored.Place:
	case in.Environment != stored.Environment:
		d.Elsewhere = true
		wins = outranks(environments, in.Environment, stored.Environment)
	case in.StartedAt != stored.StartedAt:
		// The text of the answer may keep its whole page in memory.
		d.OtherStart = &OtherStart{ID: strings.Clone(in.ConversationID), Stored: stored.StartedAt, Answered: in.StartedAt}
		wins = in.StartedAt > stored.StartedAt
	}
	switch {
	case !wins:
		d.Action = Skip
	case !b.Rewrite && !stored.Missing && in.ContentHash == stored.ContentHash && in.Lifecycle == stored.Lifecycle:
		d.Action = Unchanged
	}
	return d
}

// Merge compares a staged version with the stored rows; stored is nil where
// nothing is stored. in becomes what has to be stored. The action is [Skip],
// [Unchanged], [Insert] or [Update].
func (b *Batch) Merge(in, stored *warehouse.Rows, at warehouse.Timestamp, runID string) Decision {
	if stored != nil && b.Outdated(&stored.Conversation) {
		return Decision{Action: Skip}
	}
	changed := Reconcile(in, b.Ruled(stored), at, runID)
	d := Decision{Action: Insert}
	if stored != nil {
		d.Action = Update
		d.VisibleAgain, d.Day = visibleAgain(&in.Conversation, &stored.Conversation), midnight(stored.Conversation.StartedAt)
	}
	if !changed && !b.Rewrite {
		d.Action = Unchanged
		return d
	}
	d.Late = lateness(in, stored, at, b.LiveSince)
	return d
}

// Ruled returns what [Reconcile] compares with and keeps: a stored version, which
// may be nil, as the current rules would have stored its parts. The version that
// was stored with other rules is never kept as it is.
func (b *Batch) Ruled(stored *warehouse.Rows) *warehouse.Rows {
	if stored == nil || b.Rules == nil {
		return stored
	}
	return b.Rules(stored)
}

// Outdated reports whether the stored version is newer than the batch, or was
// marked as missing after the batch was answered.
func (b *Batch) Outdated(stored *warehouse.Conversation) bool {
	if b.SeenAt == 0 {
		return false
	}
	return stored.UpdatedAt > b.SeenAt || stored.MissingSince.Valid && stored.MissingSince.V >= b.SeenAt
}

// outranks reports whether environment a comes before b in the configuration.
// An environment that is not configured comes last.
func outranks(environments []string, a, b string) bool {
	rank := func(e string) int {
		if i := slices.Index(environments, e); i >= 0 {
			return i
		}
		return len(environments)
	}
	return rank(a) < rank(b)
}

// Version describes one of several versions that were staged together.
type Version struct {
	ID        string
	StartedAt warehouse.Timestamp
	Open      bool
	Batch     *Batch // nil: nothing moved
	// Digest is that of the version, which [Newest] removes if the source returned
	// different versions; nil: the version has none.
	Digest *warehouse.Digest
}

// sameDigest reports whether two versions have the same digest.
func (v *Version) sameDigest(other *Version) bool {
	return v.Digest == nil || other.Digest == nil || *v.Digest == *other.Digest
}

// movedFrom reports whether the source no longer lists the conversation with a
// start, as of the version's batch.
func (v *Version) movedFrom(start warehouse.Timestamp) bool {
	return v.Batch != nil && v.Batch.Moved[v.ID] == Place{v.Batch.Feed.Environment, start}
}

// replaces reports whether a version replaces one that was staged before it, and
// whether both are listed with different starts. Of two starts, the later one is
// stored. Of one start, it is the version staged last, but an open version does
// not replace an ended one: a conversation does not start again.
func (v *Version) replaces(old *Version) (replaces, twoStarts bool) {
	switch {
	case v.StartedAt == old.StartedAt:
		return !v.Open || old.Open || v.movedFrom(old.StartedAt), false
	case v.movedFrom(old.StartedAt):
		return true, false
	case old.movedFrom(v.StartedAt):
		return false, false
	}
	return v.StartedAt > old.StartedAt, true
}

// Newest appends to kept one version of each conversation, and lists the ids
// that have several starts. kept may share its array with staged.
//
// The kept one of different versions has no digest. Otherwise the next run would
// skip it and stage the others, which would replace it.
func Newest[R any](kept, staged []R, version func(*R) Version) (_ []R, others []OtherStart) {
	at := make(map[string]int, len(staged))
	for i := range staged {
		in := version(&staged[i])
		j, twice := at[in.ID]
		if !twice {
			at[in.ID] = len(kept)
			kept = append(kept, staged[i])
			continue
		}
		old := version(&kept[j])
		replaces, twoStarts := in.replaces(&old)
		if twoStarts {
			others = append(others, OtherStart{
				ID: in.ID, Stored: max(in.StartedAt, old.StartedAt), Answered: min(in.StartedAt, old.StartedAt),
			})
		}
		same := in.sameDigest(&old)
		if replaces {
			kept[j] = staged[i]
		}
		if !same {
			*version(&kept[j]).Digest = warehouse.Digest{}
		}
	}
	return kept, others
}

// NewestRows is [Newest] of the rows of one batch, in their place.
func NewestRows(rows []*warehouse.Rows, batch *Batch) (kept []*warehouse.Rows, others []OtherStart) {
	return Newest(rows[:0], rows, func(r **warehouse.Rows) Version {
		c := &(*r).Conversation
		return Version{
			ID:        c.ConversationID,
			StartedAt: c.StartedAt,
			Open:      (*r).IsOpen(),
			Batch:     batch,
			Digest:    &(*r).Digest,
		}
	})
}
