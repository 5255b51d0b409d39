package load

import (
	"context"

	"convsync/internal/warehouse"
)

// ProjectReader reads the registered projects.
type ProjectReader interface {
	// Projects lists the projects that were registered, as they are stored.
	Projects(ctx context.Context) ([]warehouse.Project, error)
}

// StateReader reads what planning needs.
type StateReader interface {
	// State returns the stored state of the feeds, for planning. Its cost does not
	// depend on the number of conversations.
	State(ctx context.Context, feeds []Feed) (map[Feed]FeedState, error)
}

// FeedState holds the stored state of a feed.
type FeedState struct {
	Coverage  []Range             // ordered, without overlap
	Watermark warehouse.Timestamp // 0: none yet
	// WatermarkAt is when the watermark last moved, by the clock of the machine
	// that ran. It does not move back when that clock does. 0: none yet.
	WatermarkAt warehouse.Timestamp
	Open        []OpenConversation // the open-conversation queue, oldest first
	// Hidden data of the feed is visible again, and its hidden days were not read
	// again since (HiddenRead).
	VisibleAgain bool
	// Holes are seconds that the source fails to return, oldest first.
	Holes []warehouse.Hole
}

// Range is a time range that was read completely: the start times [From, Until),
// in whole seconds.
type Range struct {
	From, Until warehouse.Timestamp
	ReadAt      warehouse.Timestamp // server time when its reading began
	Shape       string
}

// OpenConversation is an entry of the open-conversation queue.
type OpenConversation struct {
	ID        string
	StartedAt warehouse.Timestamp
}
