package parquet

import (
	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// recordingTallies describe the references of a day, by [kindName].
type recordingTallies map[string]*recordingTally

// recordingTally counts the references of one kind.
type recordingTally struct {
	// Counts has as the backlog that of conversations that the source lists.
	Counts load.RecordingCounts `json:"counts"`
	// Left are those without a stored copy, of conversations that the source lists,
	// by availability.
	Left map[string]*leftTally `json:"left,omitempty"`
}

// leftTally counts references by next_check_at.
type leftTally struct {
	Untimed int64               `json:"untimed,omitempty"` // without one
	Timed   int64               `json:"timed,omitempty"`
	Next    warehouse.Timestamp `json:"next,omitempty"` // the earliest one
}

func kindName(k load.RecordingKind) string {
	if k.Redacted {
		return k.Direction + "/redacted"
	}
	return k.Direction + "/raw"
}

// countRecordings adds the references of a conversation.
func (d *dayInfo) countRecordings(c *warehouse.Conversation, rows []warehouse.AudioReference) {
	if d.Recordings == nil && len(rows) > 0 {
		d.Recordings = recordingTallies{}
	}
	for i := range rows {
		d.Recordings.add(c, &rows[i])
	}
}

func (t recordingTallies) add(c *warehouse.Conversation, a *warehouse.AudioReference) {
	name := kindName(load.RecordingKeyOf(a).RecordingKind)
	kind := t[name]
	if kind == nil {
		kind = &recordingTally{Left: map[string]*leftTally{}}
		t[name] = kind
	}
	kind.Counts.Add(a, !c.MissingSince.Valid)
	if a.StoredAt.Valid || c.MissingSince.Valid {
		return
	}
	left := kind.Left[a.Availability]
	if left == nil {
		left = &leftTally{}
		kind.Left[a.Availability] = left
	}
	switch {
	case !a.NextCheckAt.Valid:
		left.Untimed++
	case left.Timed == 0 || a.NextCheckAt.V < left.Next:
		left.Next = a.NextCheckAt.V
		left.Timed++
	default:
		left.Timed++
	}
}

// due reports whether a backlog may have references of the day.
func (t recordingTallies) due(b *load.Backlog) bool {
	for _, kind := range b.Kinds {
		tally := t[kindName(kind)]
		if tally == nil {
			continue
		}
		for availability, left := range tally.Left {
			// The references that would be due first.
			first := warehouse.AudioReference{Direction: kind.Direction, Redacted: kind.Redacted, Availability: availability}
			if left.Untimed > 0 && b.Due(&first) {
				return true
			}
			first.NextCheckAt = warehouse.Some(left.Next)
			if left.Timed > 0 && b.Due(&first) {
				return true
			}
		}
	}
	return false
}

// sum adds the counts of all kinds, and the backlog of some.
func (t recordingTallies) sum(backlog []load.RecordingKind, into *load.RecordingCounts) {
	for _, kind := range t {
		c := &kind.Counts
		into.Unknown += c.Unknown
		into.Available += c.Available
		into.Missing += c.Missing
		into.Forbidden += c.Forbidden
		into.Failed += c.Failed
		into.Stored += c.Stored
		into.StoredBytes += c.StoredBytes
	}
	for _, kind := range backlog {
		if tally := t[kindName(kind)]; tally != nil {
			c := &tally.Counts
			into.AddBacklog(warehouse.AudioUnknown, c.Unchecked, c.OldestUnchecked)
			into.AddBacklog(warehouse.AudioAvailable, c.Unstored, c.OldestUnstored)
		}
	}
}
