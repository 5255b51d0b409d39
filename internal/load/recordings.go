package load

import (
	"context"
	"slices"

	"convsync/internal/warehouse"
)

// RecordingReader reads what is known of the recordings, concurrently with any
// writer. It returns results of [RecordingClaim.Record] at once.
type RecordingReader interface {
	// Backlog lists what is left to do for the recordings of a project, newest
	// start first, then by id in descending order. Conversations that are in
	// progress, or no longer listed by the source, are left out.
	Backlog(ctx context.Context, project string, b Backlog) ([]RecordedConversation, error)
	// Recordings yields the voice conversations of a feed that started within
	// [from, until), with their references, which may be none, in the order of
	// start and id. What it yields is valid until yield returns. An error of yield
	// ends the reading and is returned. Memory does not depend on the range.
	Recordings(ctx context.Context, feed Feed, from, until warehouse.Timestamp, yield func(*RecordedConversation) error) error
	// RecordingCounts counts the references of each project in kinds, for reports.
	// The kinds are those whose backlog is counted, and may be none.
	RecordingCounts(ctx context.Context, kinds map[string][]RecordingKind) (map[string]RecordingCounts, error)
	// RecordingState returns the state of a project's recordings; it is empty
	// except for the project id if none was recorded.
	RecordingState(ctx context.Context, project string) (warehouse.RecordingState, error)
	// Removed lists the conversations of a project that were deleted, erased or
	// expired after the change of that sequence, and are not stored again; and the
	// sequence of the last change of any project.
	Removed(ctx context.Context, project string, after int64) (ids []string, last int64, err error)
}

// RecordingClaimer lets one process work on the recordings of a project, next to
// the project's writer, whose lock it does not need.
type RecordingClaimer interface {
	// ClaimRecordings takes the claim on a project. It returns a [*LockedError] at
	// once if another claim on it exists, in any process, and an error for which
	// [IsEmpty] holds before the first run.
	ClaimRecordings(ctx context.Context, owner Owner, project string) (RecordingClaim, error)
}

// RecordingClaim is the permission to record results of one project.
type RecordingClaim interface {
	Watched
	// Record merges results into the rows by [MergeRecording]. Results without a
	// row add one if their conversation is stored. If state is not nil it replaces
	// the project's state. All of it is durable when Record returns. Results of
	// conversations that are not stored are dropped. Of those, gone lists the
	// erased ones, and others that the destination knows at once: copies of their
	// recordings must be removed. [RecordingReader.Removed] lists the rest later.
	// Record returns a [*LockedError], and records nothing, while something
	// excludes every writer of the destination; the caller then tries again later.
	Record(ctx context.Context, results []RecordingResult, state *warehouse.RecordingState) (gone []RecordingKey, err error)
	// Close releases the claim.
	Close() error
}

// RecordingKey identifies a recording within a project.
type RecordingKey struct {
	ConversationID string
	RecordingKind
}

// RecordingKind is one of the recordings that a voice conversation may have.
type RecordingKind struct {
	Direction string // combined, user or agent
	Redacted  bool   // which version is requested
}

// RecordingKeyOf returns the key of a reference within its project.
func RecordingKeyOf(a *warehouse.AudioReference) RecordingKey {
	return RecordingKey{a.ConversationID, RecordingKind{a.Direction, a.Redacted}}
}

// Backlog selects recordings that are left to check or to store.
type Backlog struct {
	Kinds []RecordingKind
	Store bool                // also what is available and not stored
	DueAt warehouse.Timestamp // server time: references with a later next_check_at are left out
	// Recheck names values of availability whose references are due whatever
	// their next_check_at is.
	Recheck []string
	// Before continues the list after this place; the zero value begins with the
	// newest.
	Before RecordingPlace
	Limit  int // conversations; all due references of a conversation come together
}

// RecordingPlace is a place in the order of a backlog.
type RecordingPlace struct {
	StartedAt      warehouse.Timestamp
	ConversationID string
}

// Due reports whether a reference is in the backlog. It does not look at the
// place, or at the conversation.
func (b *Backlog) Due(a *warehouse.AudioReference) bool {
	if !slices.Contains(b.Kinds, RecordingKeyOf(a).RecordingKind) || a.StoredAt.Valid {
		return false
	}
	for _, availability := range b.Recheck {
		if a.Availability == availability {
			return true
		}
	}
	switch a.Availability {
	case warehouse.AudioUnknown:
		return !a.NextCheckAt.Valid || a.NextCheckAt.V <= b.DueAt
	case warehouse.AudioAvailable:
		return b.Store && (!a.NextCheckAt.Valid || a.NextCheckAt.V <= b.DueAt)
	}
	return a.NextCheckAt.Valid && a.NextCheckAt.V <= b.DueAt
}

// Includes reports whether a place comes after [Backlog.Before].
func (b *Backlog) Includes(p RecordingPlace) bool {
	if b.Before == (RecordingPlace{}) {
		return true
	}
	return p.StartedAt < b.Before.StartedAt || p.StartedAt == b.Before.StartedAt && p.ConversationID < b.Before.ConversationID
}

// RecordedConversation is a voice conversation with its recordings: all that are
// known, or in a [Backlog] those that are due.
type RecordedConversation struct {
	ProjectID, Environment, ConversationID string
	Channel, Direction                     warehouse.Text
	FromNumber, ToNumber                   warehouse.Text
	StartedAt                              warehouse.Timestamp
	FinishedAt                             warehouse.Null[warehouse.Timestamp]
	TotalDurationSeconds                   warehouse.Null[float64]
	Lifecycle                              string
	MissingSince                           warehouse.Null[warehouse.Timestamp]
	RunID                                  string
	Recordings                             []warehouse.AudioReference
}

// RecordedOf returns a conversation without its recordings.
func RecordedOf(c *warehouse.Conversation) RecordedConversation {
	return RecordedConversation{
		ProjectID:            c.ProjectID,
		Environment:          c.Environment,
		ConversationID:       c.ConversationID,
		Channel:              c.Channel,
		Direction:            c.Direction,
		FromNumber:           c.FromNumber,
		ToNumber:             c.ToNumber,
		StartedAt:            c.StartedAt,
		FinishedAt:           c.FinishedAt,
		TotalDurationSeconds: c.TotalDurationSeconds,
		Lifecycle:            c.Lifecycle,
		MissingSince:         c.MissingSince,
		RunID:                c.RunID,
	}
}

// RecordingResult holds the key of a recording, and the columns that a check or
// a copy filled.
type RecordingResult struct {
	warehouse.AudioReference
	// Forget removes the stored copy from the row, if its stored_uri is that of
	// the result: the copy is gone.
	Forget bool
}

// RecordingCounts counts the references of a project.
type RecordingCounts struct {
	Unknown, Available, Missing, Forbidden, Failed int64
	Stored, StoredBytes                            int64
	// Unchecked (unknown) and Unstored (available, and not stored) count the backlog:
	// references of the kinds that are worked on, of conversations that the source
	// lists, due now or later. Those of conversations in progress count as well;
	// missing, forbidden and failed ones do not, although they may be checked again.
	Unchecked, Unstored int64
	// OldestUnchecked and OldestUnstored are starts of conversations; 0: none.
	OldestUnchecked, OldestUnstored warehouse.Timestamp
}

// Add counts a reference. inBacklog says that it is of a kind that is worked on, and
// of a conversation that the source lists.
func (c *RecordingCounts) Add(a *warehouse.AudioReference, inBacklog bool) {
	switch a.Availability {
	case warehouse.AudioUnknown:
		c.Unknown++
	case warehouse.AudioAvailable:
		c.Available++
	case warehouse.AudioMissing:
		c.Missing++
	case warehouse.AudioForbidden:
		c.Forbidden++
	case warehouse.AudioFailed:
		c.Failed++
	}
	if a.StoredAt.Valid {
		c.Stored++
		c.StoredBytes += a.SizeBytes.V
	} else if inBacklog {
		c.AddBacklog(a.Availability, 1, a.StartedAt)
	}
}

// AddBacklog counts n references of an availability as left to do. They are not
// stored, and oldest is the earliest start of their conversations.
func (c *RecordingCounts) AddBacklog(availability string, n int64, oldest warehouse.Timestamp) {
	count, at := &c.Unchecked, &c.OldestUnchecked
	switch availability {
	case warehouse.AudioUnknown:
	case warehouse.AudioAvailable:
		count, at = &c.Unstored, &c.OldestUnstored
	default:
		return
	}
	if *count += n; n > 0 && (*at == 0 || oldest < *at) {
		*at = oldest
	}
}
