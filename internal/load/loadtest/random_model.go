package loadtest

import (
	"slices"
	"strings"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// outcome returns what has to be stored after r was loaded over old.
func outcome(r, old *warehouse.Rows) *warehouse.Rows {
	out := Clone(r)
	if old == nil {
		return out
	}
	c, was := &out.Conversation, Clone(old)
	hidden := len(r.Turns) == 0 && len(was.Turns) > 0
	if hidden {
		out.Turns, out.Entities = was.Turns, was.Entities
	}
	if len(r.Metrics) == 0 && len(was.Metrics) > 0 {
		c.Metrics, out.Metrics = was.Conversation.Metrics, was.Metrics
	}
	Seal(out)
	if hidden {
		kept(out)
	}
	return out
}

// compare compares all that is stored of these ids with the model.
func (m *model) compare() {
	d := dump(m.t, m.subject)
	found, changes, deletes := 0, 0, 0
	for key := range d.Conversations {
		if strings.HasPrefix(key[1], m.prefix) {
			found++
		}
	}
	for _, c := range d.Changes {
		if strings.HasPrefix(c.ConversationID, m.prefix) {
			changes++
			if c.Operation == warehouse.OperationDelete {
				deletes++
			}
		}
	}
	if found != len(m.stored) {
		m.Fatalf("%d conversations are stored, want %d", found, len(m.stored))
	}
	if changes < m.changes {
		m.Errorf("%d changes are recorded, want at least %d", changes, m.changes)
	}
	if deletes != m.deleted {
		m.Errorf("%d changes delete, want %d", deletes, m.deleted)
	}
	m.compareLateness()
	open := m.session.state(live("p")).Open
	for id, want := range m.stored {
		d.stored(m.t, want)
		listed := slices.ContainsFunc(open, func(o load.OpenConversation) bool { return o.ID == id })
		if c := &want.Conversation; listed != (want.IsOpen() && !c.MissingSince.Valid) {
			m.Errorf("conversation %q is %s, missing: %v; in the queue: %v", id, c.Lifecycle, c.MissingSince.Valid, listed)
		}
	}
}

// compareLateness compares what was counted in this case with the model.
func (m *model) compareLateness() {
	got := m.lateness()
	for _, measure := range []string{load.LateArrival, load.LateFinal, load.LateChange} {
		if n := got[measure] - m.base[measure]; n != m.late[measure] {
			m.Errorf("the lateness of %d was counted by %s, want %d", n, measure, m.late[measure])
		}
	}
}

// countVisibleAgain counts the parts of a conversation that are visible again. They
// count only if no other conversation of the day has them.
func countVisibleAgain(n *load.VisibleAgain, was, is *warehouse.Conversation) {
	hidden := func(c *warehouse.Conversation) bool {
		return strings.HasPrefix(c.TranscriptStatus, warehouse.TranscriptHidden)
	}
	if was.Lifecycle != warehouse.LifecycleFinal {
		return
	}
	if hidden(was) && !hidden(is) && is.TurnsLoaded > 0 {
		n.Transcripts++
	}
	if load.NoMetrics(was.Metrics) && !load.NoMetrics(is.Metrics) {
		n.Metrics++
	}
}

// put sets the expected version of a conversation, and counts its lateness.
func (m *model) put(after *warehouse.Rows) {
	id := after.Conversation.ConversationID
	var c load.Counts
	load.Observe(&c, after, m.stored[id], m.session.now, m.session.liveSince)
	for key, n := range c.Lateness {
		m.late[key.Measure] += n
	}
	m.stored[id] = after
}

// lateness returns the stored lateness of the feed, by measure.
func (m *model) lateness() map[string]int64 {
	sums, err := m.session.dest.Summary(m.t.Context(), []load.Feed{live("p")})
	if err != nil {
		m.Fatalf("Summary: %v", err)
	}
	counted := map[string]int64{}
	for _, l := range sums[live("p")].Lateness {
		counted[l.Measure] += l.Count
	}
	return counted
}
