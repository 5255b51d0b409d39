package load

import (
	"context"

	"convsync/internal/warehouse"
)

// Archive reads single conversations and rejects.
type Archive interface {
	Auditor
	ErasureReader
	RowReader
	KeyReader
	DigestReader
	HiddenReader
	RejectReader
	RejectKeyReader
}

// RowReader reads the stored conversations.
type RowReader interface {
	// Read yields the stored conversations of a feed that started within
	// [from, until), with all their parts, in the order of start and id. The rows
	// are valid until yield returns. An error of yield ends the reading and is
	// returned. A range that cannot be read is a [*DamagedError]; a second Read
	// can continue after it.
	Read(ctx context.Context, feed Feed, from, until warehouse.Timestamp, yield func(*warehouse.Rows) error) error
}

// KeyReader lists the stored conversations.
type KeyReader interface {
	// Keys lists the conversations of a [RowReader] without their content, in the same
	// order. It is cheap.
	Keys(ctx context.Context, feed Feed, from, until warehouse.Timestamp) ([]Key, error)
}

// DigestReader lists the stored conversations with the digests of what the source
// returned, so that a run recognizes unchanged ones without decoding them.
type DigestReader interface {
	// Digests lists what [KeyReader.Keys] does, in the same order, with the digests
	// that are stored. It is about as cheap. A digest is stored as long as it is certain
	// that the same bytes would change nothing: see [Stager].
	Digests(ctx context.Context, feed Feed, from, until warehouse.Timestamp) ([]DigestKey, error)
}

// HiddenReader lists the days with hidden data.
type HiddenReader interface {
	// HiddenDays lists the UTC days, as their midnights, on which the given parts
	// of a feed's conversations are hidden. Transcripts are hidden on a day if that
	// of any conversation is, even if its turns are kept. Metrics are hidden if no
	// conversation of the day has any.
	HiddenDays(ctx context.Context, feed Feed, parts Parts) ([]warehouse.Timestamp, error)
}

// RejectReader reads the rejected conversations.
type RejectReader interface {
	// Rejects yields the rejected conversations of a feed.
	Rejects(ctx context.Context, feed Feed, yield func(*warehouse.Reject) error) error
}

// RejectKeyReader lists the rejected conversations.
type RejectKeyReader interface {
	// RejectKeys lists the rejects of a [RejectReader] without their content. It is cheap.
	RejectKeys(ctx context.Context, feed Feed) ([]RejectKey, error)
}

// Key is a stored conversation without its content.
type Key struct {
	ID        string
	StartedAt warehouse.Timestamp
	Missing   bool // marked as no longer listed by the source
}

// DigestKey is a stored conversation with the digest of what the source returned.
type DigestKey struct {
	Key
	Digest warehouse.Digest
}

// RejectKey is a stored reject without its content.
type RejectKey struct {
	RejectID       string
	ConversationID string // "": it has none
	StartedAt      warehouse.Null[warehouse.Timestamp]
	Missing        bool // marked as no longer listed by the source
}

// WithoutDigests returns keys whose digests are not known.
func WithoutDigests(keys []Key) []DigestKey {
	all := make([]DigestKey, len(keys))
	for i, k := range keys {
		all[i].Key = k
	}
	return all
}
