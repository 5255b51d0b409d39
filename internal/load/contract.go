package load

import (
	"context"

	"convsync/internal/warehouse"
)

// Destination is a warehouse that conversations are loaded into.
type Destination interface {
	Archive
	// Check tells, without writing anything that stays, whether a run could
	// load: reachable, permitted, of a known version. Its errors are for people.
	Check(ctx context.Context) error
	// Prepare sets up an empty destination. A destination with data of an
	// older layout is left alone: [ErrNeedsMigration].
	Prepare(ctx context.Context) error
	// Projects lists the projects that were registered, as they are stored.
	Projects(ctx context.Context) ([]warehouse.Project, error)
	// State is what is stored about the feeds, for planning. It is cheap
	// however much is stored.
	State(ctx context.Context, feeds []Feed) (map[Feed]FeedState, error)
	// Summary counts what is stored of the feeds, for people.
	Summary(ctx context.Context, feeds []Feed) (map[Feed]FeedSummary, error)
	// Daily counts the conversations of the feeds together, by UTC day of their
	// start, for the days that begin within [from, until): a day with none is
	// left out, and so is what is missing at the source. The oldest day is first.
	Daily(ctx context.Context, feeds []Feed, from, until warehouse.Timestamp) ([]Day, error)
	// Runs lists the last runs, newest first.
	Runs(ctx context.Context, limit int) ([]warehouse.SyncRun, error)
	// Begin takes the writer's lock; [*LockedError] when another holds it and
	// does not let go within the owner's patience.
	Begin(ctx context.Context, owner Owner) (Writer, error)
	Close() error
}

// Archive is what a destination tells of single conversations and rejects.
type Archive interface {
	Auditor
	// Read yields the stored conversations of a feed that started within
	// [from, until), whole, in the order of start and id. The rows are good
	// until yield returns; an error of yield ends the reading and is returned. A
	// part that cannot be read is a [*DamagedError], behind which a second Read
	// can go on.
	Read(ctx context.Context, feed Feed, from, until warehouse.Timestamp, yield func(*warehouse.Rows) error) error
	// Keys lists the same conversations without their content, in the same
	// order. It is cheap.
	Keys(ctx context.Context, feed Feed, from, until warehouse.Timestamp) ([]Key, error)
	// HiddenDays lists the UTC days, as their midnights, on which parts of a
	// feed's conversations are hidden: the transcript of one, kept or not; the
	// metrics of all, where none has any.
	HiddenDays(ctx context.Context, feed Feed, parts Parts) ([]warehouse.Timestamp, error)
	// Rejects yields what could not be read of a feed.
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

// Writer is the one writer of a destination. Stage may be called from several
// goroutines; the other methods from one at a time, Publish also beside Stage
// of other stretches.
type Writer interface {
	Mender
	// Register makes the projects known. A project that is stored with
	// another account or region is refused with [*MixedProjectError]. What is
	// stored of the other form of its id stays: see [Registered].
	Register(ctx context.Context, projects []Project) error
	// Stage hands over conversations of a stretch. They may become visible
	// from now on, and are visible and durable after its Publish. A conversation
	// that could be read is a reject no more: what the feed's rejects hold of its
	// id goes in the commit that loads it, or finds it unchanged.
	Stage(ctx context.Context, batch *Batch) error
	// Publish commits what was staged for the stretch, then its coverage. When
	// conversations were staged with an earlier start than is stored, and
	// [Stretch.Judged] does not name them, it commits nothing and returns an
	// [*EarlierStartsError]: the stretch goes on, more may be staged for it, and
	// it is to be published again.
	Publish(ctx context.Context, stretch *Stretch) (Counts, error)
	// Abandon forgets what was staged for a stretch that failed. What it
	// made visible already stays: reading a stretch again is harmless.
	Abandon(ctx context.Context, stretch StretchID) (Counts, error)
	// Finish records the end of the run.
	Finish(ctx context.Context, run *warehouse.SyncRun) error
	// Close frees the lock. Without Finish the run counts as killed.
	Close() error
}

// Watched is a [Writer] that can lose its lock while it has it, and notices that
// by itself.
type Watched interface {
	// Lost yields once, when the lock is lost: [ErrLockLost], for people. A run
	// ends then, whatever it is waiting for.
	Lost() <-chan error
}

// Feed is one stream of conversations: a project, as stored, in one environment.
type Feed struct{ ProjectID, Environment string }

// Project is a project as configured.
type Project struct {
	warehouse.Project
	// Environments in the order configured: of an id that is answered under
	// two, the earlier one keeps it.
	Environments []string
	// Since is the earliest start that the run reads; 0: not known. A loader may
	// prepare for what started from then on.
	Since warehouse.Timestamp
}

// Owner says who writes, for those who find the lock taken.
type Owner struct {
	RunID, Actor, Host, Version string
	Kind                        string // of the run
	ProcessID                   int
	Started                     warehouse.Timestamp
}

// FeedState is what is stored about a feed.
type FeedState struct {
	Coverage  []Range             // ordered, without overlap
	Watermark warehouse.Timestamp // 0: none yet
	// WatermarkAt is when the watermark last moved, by the clock of the machine
	// that ran; a clock that is set back does not set it back. 0: there is none.
	WatermarkAt warehouse.Timestamp
	Open        []OpenConversation // the worklist, oldest first
	// Revealed says that the feed shows again what it had hidden, and that its
	// hidden days were not read again since: [Stretch].HiddenRead.
	Revealed bool
	// Holes are seconds that the source cannot answer for, oldest first.
	Holes []warehouse.Hole
}

// FeedSummary counts what is stored of a feed.
type FeedSummary struct {
	Conversations int64
	Hidden        int64               // of these, with a hidden transcript, kept or not
	Newest        warehouse.Timestamp // start of the newest conversation; 0: none
	Missing       int64               // of these, no longer listed by the source
	Rejects       int64
	Drift         []warehouse.Drift // by path
	Lateness      []warehouse.Lateness
}

// Day is what the conversations of a UTC day came to.
type Day struct {
	Start         warehouse.Timestamp // its midnight
	Conversations int64
	Handoffs      int64 // of these, handed over
	HandoffsKnown int64 // of these, it is known whether they were
	// LatencyTurns are the turns that carry a latency; the others are the
	// nearest-rank percentiles over them, NULL when there is none.
	LatencyTurns                         int64
	LatencyP50Seconds, LatencyP95Seconds warehouse.Null[float64]
}

// Range is a stretch of start times that was read whole: [From, Until), whole seconds.
type Range struct {
	From, Until warehouse.Timestamp
	ReadAt      warehouse.Timestamp // when its reading began, by the source's clock
	Shape       string
}

// OpenConversation is an entry of the worklist.
type OpenConversation struct {
	ID        string
	StartedAt warehouse.Timestamp
}

// StretchID tells the stretches of one run apart.
type StretchID int64

// Batch is some of the conversations of a stretch. The rows belong to the
// loader from now on. ContentHash, Shape and APIVersion are set; FirstSeenAt,
// UpdatedAt and RunID are the loader's to set.
type Batch struct {
	Stretch StretchID
	Feed    Feed
	Rows    []*warehouse.Rows
	// LiveSince is when the feed was first read: what started before is history
	// and says nothing about lateness. 0: all of it is. See [Observe].
	LiveSince warehouse.Timestamp
	// Rewrite writes each conversation anew, also where its hash is the stored
	// one: it mends what was changed in the destination by hand.
	Rewrite bool
	// Moved are places, by id, at which the source no longer lists conversations of
	// the batch: what is still stored there is replaced, also by an earlier start
	// or a later environment. See [Batch.Decide].
	Moved map[string]Place
	// SeenAt is when these were answered, where it was not now: what was written
	// of a conversation after that is newer, and stays. 0: now.
	SeenAt warehouse.Timestamp
	// Refuse is called for each conversation that the destination refuses for
	// what is in it, such as a value that breaks a constraint of the user's. The
	// others of the batch are staged; what is stored of a refused one stays. It
	// is called before Stage returns, one conversation at a time; the reason
	// quotes nothing of the conversation. nil: a refusal fails the batch.
	Refuse func(refused *warehouse.Rows, reason string)
}

// Stretch is what Publish commits beside the staged rows.
type Stretch struct {
	ID   StretchID
	Feed Feed
	// Coverage replaces what is stored for the feed; nil leaves it as it is.
	Coverage []Range
	// Holes replaces what is stored for the feed; nil leaves it as it is. The rows
	// carry the feed.
	Holes []warehouse.Hole
	// Watermark of that coverage; the stored one never moves back, unless it is
	// to be corrected. 0: none.
	Watermark warehouse.Timestamp
	// CorrectWatermark replaces the stored watermark also by an earlier one, or by
	// none: it was stored by a clock that was ahead.
	CorrectWatermark bool
	Rejects          []warehouse.Reject
	Drift            []warehouse.Drift // counts and times of this stretch, to be added
	// Missing are stored conversations of the feed that the source no longer
	// lists. Each that is still stored with this start gets missing_since (At)
	// unless it has one, and leaves the worklist; with DeleteMissing it is
	// deleted with all its parts. Either is a change (upsert, delete).
	Missing       []Key
	DeleteMissing bool
	// Judged are, by id, stored starts that the source was asked for: an earlier
	// answer that was not staged as Moved is not written.
	Judged map[string]warehouse.Timestamp
	// HiddenRead says that the feed's hidden days were read again: it is
	// Revealed no more.
	HiddenRead bool
	// Resolved are the ids of rejects of the feed that are deleted: they could be
	// read now and are staged, or the source no longer lists their conversation.
	// It names rejects without a conversation's id, too.
	Resolved []string
	// MissingRejects are the ids of rejects of the feed whose conversation the
	// source no longer lists. Each gets missing_since (At) unless it has one; a
	// reject that is answered again loses it.
	MissingRejects []string
	// OtherID is the project's id in its other form, which the source answered;
	// it is stored with the project. "" leaves what is stored.
	OtherID string
	RunID   string
	At      warehouse.Timestamp // now, by our clock
}

// Counts says what came of the conversations of a stretch. Whatever was staged
// is Inserted, Updated or Unchanged; of what was staged more than once, all but
// one may count as Unchanged.
type Counts struct {
	Inserted, Updated, Unchanged int64
	// Elsewhere were stored under another environment, whichever keeps the id, and
	// did not move from there.
	// Publish counts them as drift; see [Stretch.ElsewhereDrift].
	Elsewhere int64
	// OtherStarts were answered with another start than the one that was stored.
	OtherStarts []OtherStart
	NewRejects  int64 // not seen before
	Missing     int64 // newly marked as missing, or deleted
	// Revealed had a hidden transcript or hidden metrics, as far as can be told,
	// and show it now: see [Reveals]. A loader makes the feed Revealed in the
	// commit of the rows that it was counted of.
	Revealed Revealed
	Rows     map[string]int64 // written, by table
	// Lateness is what [Decision.Count] counted. A loader adds it to sync_lateness in
	// the commit of the rows that it was counted of.
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
	c.Revealed.Transcripts += other.Revealed.Transcripts
	c.Revealed.Metrics += other.Revealed.Metrics
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
