package load

import (
	"context"

	"convsync/internal/warehouse"
)

// Destination is a warehouse that conversations are loaded into.
type Destination interface {
	Archive
	// Check returns an error if a run could not load: the destination must be
	// reachable, permit writing and have a known version. It leaves nothing
	// behind. Its errors are shown to users.
	Check(ctx context.Context) error
	// Prepare sets up an empty destination. It does not change a destination that
	// has data in an older layout, and returns [ErrNeedsMigration].
	Prepare(ctx context.Context) error
	// Projects lists the projects that were registered, as they are stored.
	Projects(ctx context.Context) ([]warehouse.Project, error)
	// State returns the stored state of the feeds, for planning. Its cost does not
	// depend on the number of conversations.
	State(ctx context.Context, feeds []Feed) (map[Feed]FeedState, error)
	// Summary counts what is stored of each feed, for reports.
	Summary(ctx context.Context, feeds []Feed) (map[Feed]FeedSummary, error)
	// Daily counts the conversations of all the feeds together, by the UTC day of
	// their start, for the days that begin within [from, until), oldest first.
	// Conversations that are missing at the source do not count, and days without
	// any conversation are left out.
	Daily(ctx context.Context, feeds []Feed, from, until warehouse.Timestamp) ([]Day, error)
	// Runs lists the last runs, newest first.
	Runs(ctx context.Context, limit int) ([]warehouse.SyncRun, error)
	// Begin takes the writer's lock of each project, by its stored id: no other
	// writer of one of them exists until Close. Writers of other projects may exist
	// at the same time, in any process. Without a project it takes the lock of the
	// whole destination, which excludes every other writer. It returns a
	// [*LockedError] when another writer does not release one of the locks within
	// the destination's timeout, and holds none of them then. A writer may be
	// given windows of its projects only.
	Begin(ctx context.Context, owner Owner, projects ...string) (Writer, error)
	Close() error
}

// Archive reads single conversations and rejects.
type Archive interface {
	Auditor
	// Read yields the stored conversations of a feed that started within
	// [from, until), with all their parts, in the order of start and id. The rows
	// are valid until yield returns. An error of yield ends the reading and is
	// returned. A range that cannot be read is a [*DamagedError]; a second Read
	// can continue after it.
	Read(ctx context.Context, feed Feed, from, until warehouse.Timestamp, yield func(*warehouse.Rows) error) error
	// Keys lists the same conversations without their content, in the same
	// order. It is cheap.
	Keys(ctx context.Context, feed Feed, from, until warehouse.Timestamp) ([]Key, error)
	// HiddenDays lists the UTC days, as their midnights, on which the given parts
	// of a feed's conversations are hidden. Transcripts are hidden on a day if that
	// of any conversation is, even if its turns are kept. Metrics are hidden if no
	// conversation of the day has any.
	HiddenDays(ctx context.Context, feed Feed, parts Parts) ([]warehouse.Timestamp, error)
	// Rejects yields the rejected conversations of a feed.
	Rejects(ctx context.Context, feed Feed, yield func(*warehouse.Reject) error) error
	// RejectKeys lists the same rejects without their content. It is cheap.
	RejectKeys(ctx context.Context, feed Feed) ([]RejectKey, error)
}

// Key is a stored conversation without its content.
type Key struct {
	ID        string
	StartedAt warehouse.Timestamp
	Missing   bool // marked as no longer listed by the source
}

// RejectKey is a stored reject without its content.
type RejectKey struct {
	RejectID       string
	ConversationID string // "": it has none
	StartedAt      warehouse.Null[warehouse.Timestamp]
	Missing        bool // marked as no longer listed by the source
}

// Writer is the one writer of its projects. Stage may be called from several
// goroutines, the other methods from one at a time. Publish may run concurrently
// with Stage of other windows.
type Writer interface {
	Mender
	// Register stores the projects. It refuses a project that is stored with
	// another account or region with [*MixedProjectError]. The stored other form
	// of a project's id remains: see [Registered].
	Register(ctx context.Context, projects []Project) error
	// Stage hands over conversations of a window. They may become visible from
	// now on, and are visible and durable after its Publish. The commit that loads
	// a conversation, or finds it unchanged, deletes the feed's rejects with its id.
	Stage(ctx context.Context, batch *Batch) error
	// Publish commits what was staged for the window, then its coverage. When
	// conversations were staged with an earlier start than is stored, and Judged
	// does not name them, it commits nothing and returns an
	// [*EarlierStartsError]. The window remains open: the caller may stage more
	// for it, and publishes it again.
	Publish(ctx context.Context, window *Window) (Counts, error)
	// Abandon drops what was staged for a window that failed. Rows that are
	// already visible remain: reading a window again is idempotent.
	Abandon(ctx context.Context, window WindowID) (Counts, error)
	// Finish records the end of the run.
	Finish(ctx context.Context, run *warehouse.SyncRun) error
	// Close releases the locks. Without Finish the run counts as killed.
	Close() error
}

// Watched is a [Writer] that can lose its lock while it runs, and detects that.
type Watched interface {
	// Lost yields one error that wraps [ErrLockLost] when the lock is lost. The run
	// ends then, whatever it is waiting for.
	Lost() <-chan error
}

// Feed is one stream of conversations: a project, as stored, in one environment.
type Feed struct{ ProjectID, Environment string }

// Project is a project as configured.
type Project struct {
	warehouse.Project
	// Environments are in the order of the configuration. If the source returns an
	// id in two of them, the earlier one keeps it.
	Environments []string
	// Since is the earliest start that the run reads; 0: not known. A loader may
	// prepare for starts from then on, such as by creating partitions.
	Since warehouse.Timestamp
}

// Owner identifies the holder of the writer's lock, for the errors of others.
type Owner struct {
	RunID, Actor, Host, Version string
	Kind                        string // of the run
	ProcessID                   int
	Started                     warehouse.Timestamp
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

// FeedSummary counts what is stored of a feed.
type FeedSummary struct {
	Conversations int64
	Hidden        int64               // of these, with a hidden transcript, whether kept or not
	Newest        warehouse.Timestamp // start of the newest conversation; 0: none
	Missing       int64               // of these, no longer listed by the source
	Rejects       int64
	Drift         []warehouse.Drift // by path
	Lateness      []warehouse.Lateness
}

// Day is the summary of the conversations of a UTC day.
type Day struct {
	Start         warehouse.Timestamp // its midnight
	Conversations int64
	Handoffs      int64 // of these, handed over
	HandoffsKnown int64 // of these, with a known handoff status
	// LatencyTurns is the number of turns with a latency. The percentiles are
	// over these, by nearest rank, and NULL when there are none.
	LatencyTurns                         int64
	LatencyP50Seconds, LatencyP95Seconds warehouse.Null[float64]
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

// Counts is the result for the conversations of a window. Each staged
// conversation is Inserted, Updated or Unchanged. Of one that was staged several
// times, all but one may count as Unchanged.
type Counts struct {
	Inserted, Updated, Unchanged int64
	// Elsewhere counts those that were stored under another environment and did
	// not move from there, whichever environment keeps the id. Publish counts them
	// as drift: see ElsewhereDrift.
	Elsewhere int64
	// OtherStarts are those with a start other than the stored one.
	OtherStarts []OtherStart
	NewRejects  int64 // not stored before
	Missing     int64 // newly marked as missing, or deleted
	// The conversations whose hidden transcript or metrics are visible again: see
	// [VisibilityChanges]. A loader marks the feed as such in the commit of these rows.
	VisibleAgain VisibleAgain
	Rows         map[string]int64 // written, by table
	// Lateness is counted by [Decision.Count]. A loader adds it to sync_lateness in
	// the commit of the rows that it was counted for.
	Lateness map[LatenessKey]int64
}

// Add adds other to c.
func (c *Counts) Add(other Counts) {
	c.Inserted += other.Inserted
	c.Updated += other.Updated
	c.Unchanged += other.Unchanged
	c.Elsewhere += other.Elsewhere
	c.NewRejects += other.NewRejects
	c.Missing += other.Missing
	c.OtherStarts = append(c.OtherStarts, other.OtherStarts...)
	c.VisibleAgain.Transcripts += other.VisibleAgain.Transcripts
	c.VisibleAgain.Metrics += other.VisibleAgain.Metrics
	for table, n := range other.Rows {
		if c.Rows == nil {
			c.Rows = map[string]int64{}
		}
		c.Rows[table] += n
	}
	for key, n := range other.Lateness {
		if c.Lateness == nil {
			c.Lateness = map[LatenessKey]int64{}
		}
		c.Lateness[key] += n
	}
}
