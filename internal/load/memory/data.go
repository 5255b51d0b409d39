package memory

import (
	"maps"
	"slices"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// Data is everything that a [Destination] stores.
type Data struct {
	Conversations Conversations
	Changes       []warehouse.Change // in sequence
	Coverage      []warehouse.CoverageRange
	Watermarks    []warehouse.Watermark
	Rejects       []warehouse.Reject
	Drift         []warehouse.Drift
	Projects      []warehouse.Project
	Runs          []warehouse.SyncRun // in the order in which they ended
	Lateness      []warehouse.Lateness
	VisibleAgain  []warehouse.Reveal
	Holes         []warehouse.Hole
	Events        []warehouse.WebhookEvent
	Alerts        []warehouse.ActiveAlert
	Erased        []ID // conversations with a tombstone
	Recordings    []warehouse.RecordingState
	// Digests are those of stored conversations; there is none for the others.
	Digests map[ID]warehouse.Digest

	// Faults are what Audit finds until Mend repairs it. Maps cannot contradict
	// themselves, so only a test adds faults, with the projects of their keys.
	Faults map[string][]load.Fault

	Sequence, Epoch int64     // the last ones that were assigned
	Unended         []Unended // runs that have not finished, and may have been killed
}

// ID identifies a conversation by its project and its id.
type ID [2]string

// Conversations are the stored conversations. Stored rows are replaced, not
// changed.
type Conversations map[ID]*warehouse.Rows

// Unended is a run that has not finished.
type Unended struct {
	Owner    load.Owner
	Projects []string // whose locks it has; empty: that of the whole destination
	Epoch    int64
}

// Put stores a conversation, without a digest.
func (d *Data) Put(rows *warehouse.Rows) {
	id := idOf(&rows.Conversation)
	d.Conversations[id] = rows
	delete(d.Digests, id)
}

// setDigest stores the digest of a stored conversation, or removes it.
func (d *Data) setDigest(id ID, digest warehouse.Digest) {
	delete(d.Digests, id)
	if digest.IsKnown() {
		if d.Digests == nil {
			d.Digests = map[ID]warehouse.Digest{}
		}
		d.Digests[id] = digest
	}
}

// Open returns the open-conversation queue, oldest first.
func (d *Data) Open() (queue []warehouse.OpenConversation) {
	for _, rows := range d.Conversations {
		c := &rows.Conversation
		if rows.IsOpen() && !c.MissingSince.Valid {
			queue = append(queue, warehouse.OpenConversation{
				ProjectID:      c.ProjectID,
				Environment:    c.Environment,
				ConversationID: c.ConversationID,
				StartedAt:      c.StartedAt,
				FirstSeenAt:    c.FirstSeenAt,
			})
		}
	}
	slices.SortFunc(queue, func(a, b warehouse.OpenConversation) int {
		return byStart(a.StartedAt, a.ConversationID, b.StartedAt, b.ConversationID)
	})
	return queue
}

// Of returns the conversations of a feed that started within [from, until), in
// the order of start and id.
func (d *Data) Of(feed load.Feed, from, until warehouse.Timestamp) (found []*warehouse.Rows) {
	for _, rows := range d.Conversations {
		if c := &rows.Conversation; feedOf(c) == feed && from <= c.StartedAt && c.StartedAt < until {
			found = append(found, rows)
		}
	}
	slices.SortFunc(found, func(a, b *warehouse.Rows) int {
		return byStart(a.Conversation.StartedAt, a.Conversation.ConversationID, b.Conversation.StartedAt, b.Conversation.ConversationID)
	})
	return found
}

// clone copies the data, including the rows.
func (d *Data) clone() *Data {
	c := *d
	c.Conversations = make(Conversations, len(d.Conversations))
	for id, rows := range d.Conversations {
		c.Conversations[id] = cloneRows(rows)
	}
	c.Changes, c.Coverage, c.Watermarks = slices.Clone(d.Changes), slices.Clone(d.Coverage), slices.Clone(d.Watermarks)
	c.Rejects, c.Drift, c.Projects = slices.Clone(d.Rejects), slices.Clone(d.Drift), slices.Clone(d.Projects)
	c.Runs, c.Lateness, c.VisibleAgain = slices.Clone(d.Runs), slices.Clone(d.Lateness), slices.Clone(d.VisibleAgain)
	c.Holes, c.Events, c.Alerts = slices.Clone(d.Holes), slices.Clone(d.Events), slices.Clone(d.Alerts)
	c.Erased, c.Unended, c.Faults = slices.Clone(d.Erased), slices.Clone(d.Unended), maps.Clone(d.Faults)
	c.Recordings, c.Digests = slices.Clone(d.Recordings), maps.Clone(d.Digests)
	return &c
}

func cloneRows(r *warehouse.Rows) *warehouse.Rows {
	c := *r
	c.Conversation.Tags = slices.Clone(r.Conversation.Tags)
	c.Turns, c.Entities = slices.Clone(r.Turns), slices.Clone(r.Entities)
	c.Metrics, c.Audio = slices.Clone(r.Metrics), slices.Clone(r.Audio)
	return &c
}
