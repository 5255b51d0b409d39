package load

import "convsync/internal/warehouse"

// WindowID identifies a window within one run.
type WindowID int64

// Batch is a part of the conversations of a window. The loader owns the rows.
// ContentHash, Shape and APIVersion are set; the loader sets FirstSeenAt,
// UpdatedAt and RunID.
type Batch struct {
	Window WindowID
	Feed   Feed
	Rows   []*warehouse.Rows
	// LiveSince is when the feed was first read. Conversations that started before
	// it are history and do not count as late; 0: all of them are. See [Observe].
	LiveSince warehouse.Timestamp
	// Rewrite writes each conversation again even if its hash is the stored one. It
	// repairs rows that were changed in the destination by hand.
	Rewrite bool
	// Moved are the places, by id, at which the source no longer lists
	// conversations of the batch. What is still stored there is replaced, even by
	// an earlier start or a later environment. See [Batch.Decide].
	Moved map[string]Place
	// SeenAt is when the source returned the conversations, if that was earlier: a
	// version that was stored after it is newer, and remains. 0: now.
	SeenAt warehouse.Timestamp
	// Rules returns a stored conversation as the rules of the batch would have
	// stored its turns, entities and metrics, and leaves it unchanged. nil: there
	// are no rules. See [Batch.Ruled].
	Rules func(stored *warehouse.Rows) *warehouse.Rows
	// Refuse is called for each conversation that the destination refuses because
	// of its content, such as a value that violates a constraint that the user
	// added. The others of the batch are staged, and the stored version of a
	// refused one remains. It is called before Stage returns, for one conversation
	// at a time. The reason quotes nothing of the conversation. nil: a refusal
	// fails the batch.
	Refuse func(refused *warehouse.Rows, reason string)
}

// Window is a time range that is committed at once: what Publish writes in addition
// to the staged rows.
type Window struct {
	ID   WindowID
	Feed Feed
	// Coverage replaces what is stored for the feed; nil leaves it as it is.
	Coverage []Range
	// Holes replaces what is stored for the feed; nil leaves it as it is. The feed
	// of each hole is set.
	Holes []warehouse.Hole
	// Watermark is that of the coverage; 0: none. The stored one never moves back,
	// unless CorrectWatermark is set.
	Watermark warehouse.Timestamp
	// CorrectWatermark replaces the stored watermark even by an earlier one or by
	// none, since a clock that was ahead had set it.
	CorrectWatermark bool
	Rejects          []warehouse.Reject
	Drift            []warehouse.Drift // counts and times of this window, to be added
	// Missing are stored conversations of the feed that the source no longer
	// lists. Each that is still stored with this start gets missing_since (At)
	// unless it has one, and leaves the open-conversation queue. With
	// DeleteMissing it is deleted with all its parts. Either is recorded as a
	// change (upsert, delete).
	Missing       []Key
	DeleteMissing bool
	// Judged are the stored starts, by id, that the source was asked for: an
	// earlier version that was not staged as Moved is not written.
	Judged map[string]warehouse.Timestamp
	// HiddenRead is set when the feed's hidden days were read again. It clears the
	// mark that hidden data is visible again.
	HiddenRead bool
	// Resolved are the ids of rejects of the feed that are deleted, because the
	// conversation is staged now or the source no longer lists it. They include
	// rejects without a conversation id.
	Resolved []string
	// MissingRejects are the ids of rejects of the feed whose conversation the
	// source no longer lists. Each gets missing_since (At) unless it has one. A
	// reject loses it when the source returns the conversation again.
	MissingRejects []string
	// OtherID is the project's id in its other form, as the source returned it. It
	// is stored with the project; "" leaves what is stored.
	OtherID string
	RunID   string
	At      warehouse.Timestamp // now, by the local clock
}
