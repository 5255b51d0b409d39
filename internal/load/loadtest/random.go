package loadtest

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// randomChecks try what nobody thought of.
var randomChecks = []check{
	{"whatever happens in whatever order, what is stored is what it should be", func(t testing.TB, s Subject) {
		cases := 0
		rapid.Check(t, func(r *rapid.T) {
			cases++ // each has ids of its own, in one destination
			m := &model{T: r, t: &caseTB{TB: t, rapid: r}, subject: s, prefix: fmt.Sprintf("case-%d ", cases),
				run: cases * 100, stored: map[string]*warehouse.Rows{}, last: map[string]*warehouse.Rows{}, late: map[string]int64{}}
			m.reopen()
			defer func() { m.session.close() }()
			m.base = m.lateness()
			for range rapid.IntRange(1, 8).Draw(r, "steps") {
				rapid.SampledFrom([]func(){m.publish, m.publish, m.publish, m.abandon, m.vanish, m.vanish, m.reopen}).Draw(r, "step")()
			}
			m.compare()
		})
	}},
}

// caseTB lets a random case fail as rapid wants it.
type caseTB struct {
	testing.TB
	rapid *rapid.T
}

func (c *caseTB) Error(args ...any)         { c.rapid.Error(args...) }
func (c *caseTB) Errorf(f string, a ...any) { c.rapid.Errorf(f, a...) }
func (c *caseTB) Fatal(args ...any)         { c.rapid.Fatal(args...) }
func (c *caseTB) Fatalf(f string, a ...any) { c.rapid.Fatalf(f, a...) }
func (c *caseTB) Fail()                     { c.rapid.Fail() }
func (c *caseTB) FailNow()                  { c.rapid.FailNow() }
func (c *caseTB) Failed() bool              { return c.rapid.Failed() }

// model is what should be stored of the ids with a prefix.
type model struct {
	*rapid.T
	t       testing.TB
	subject Subject
	session *session
	prefix  string
	run     int
	stored  map[string]*warehouse.Rows
	last    map[string]*warehouse.Rows // what was answered last
	changes int                        // at least
	deleted int
	late    map[string]int64 // what was counted, by measure
	base    map[string]int64 // what was counted before
}

// reopen begins another run; the one before ended, or died.
func (m *model) reopen() {
	if m.session != nil && rapid.Bool().Draw(m.T, "finished") {
		m.session.end()
	} else if m.session != nil {
		m.session.close()
	}
	m.run++
	m.session = begin(m.t, m.subject, m.run, "p")
	m.session.liveSince = warehouse.TimestampOf(Noon) + 3e6 // the first two of the five are history
}

// publish publishes one or two stretches that were staged at once. No id is in
// both, or in one of them twice: which of the answers stands is not promised.
func (m *model) publish() {
	var stretches []*load.Stretch
	for range rapid.IntRange(1, 2).Draw(m.T, "stretches") {
		stretches = append(stretches, m.session.next(live("p")))
	}
	rows := m.answers()
	for i, r := range rows {
		m.session.stage(stretches[i%len(stretches)], r)
	}
	slices.Reverse(stretches)
	var counts load.Counts
	for _, st := range stretches {
		counts.Add(m.session.publish(st))
	}
	var inserted, updated, unchanged int64
	var most load.Revealed // fewer, as it stands with the day's others at that moment
	for _, r := range rows {
		id := r.Conversation.ConversationID
		old := m.stored[id]
		m.put(outcome(r, old))
		switch {
		case old == nil:
			inserted++
		case Diff(old, m.stored[id]) == "":
			unchanged++
		default:
			updated++
			mayReveal(&most, &old.Conversation, &m.stored[id].Conversation)
		}
	}
	m.changes += int(inserted + updated)
	counted(m.t, counts, inserted, updated, unchanged)
	if got := counts.Revealed; got.Transcripts > most.Transcripts || got.Metrics > most.Metrics {
		m.Errorf("counted as revealed: %+v, want %+v at most", got, most)
	}
}

// vanish publishes a stretch that lists some of the conversations no longer,
// some of them looked for with another start than they have.
func (m *model) vanish() {
	st := m.session.next(live("p"))
	st.DeleteMissing = rapid.IntRange(0, 3).Draw(m.T, "deletes") == 3
	var missing int64
	for _, n := range rapid.SliceOfNDistinct(rapid.IntRange(1, 5), 1, 3, rapid.ID[int]).Draw(m.T, "ids") {
		key := load.Key{ID: fmt.Sprintf("%s%d", m.prefix, n), StartedAt: warehouse.TimestampOf(Noon)}
		old := m.stored[key.ID]
		if old != nil {
			key.StartedAt = old.Conversation.StartedAt
		}
		if rapid.IntRange(0, 3).Draw(m.T, "another start") == 3 {
			key.StartedAt, old = key.StartedAt+1, nil
		}
		st.Missing = append(st.Missing, key)
		switch {
		case old == nil:
		case st.DeleteMissing:
			delete(m.stored, key.ID)
			m.deleted++
			missing++
		case !old.Conversation.MissingSince.Valid:
			marked := Clone(old)
			marked.Conversation.MissingSince = warehouse.Some(st.At)
			m.stored[key.ID] = marked
			missing++
		}
	}
	m.changes += int(missing)
	if counts := m.session.publish(st); counts.Missing != missing {
		m.Errorf("counted %d missing, want %d", counts.Missing, missing)
	}
}

// abandon stages conversations and gives up; each may be stored or not.
func (m *model) abandon() {
	st := m.session.next(live("p"))
	rows := m.answers()
	m.session.stage(st, rows...)
	if _, err := m.session.writer.Abandon(m.t.Context(), st.ID); err != nil {
		m.Fatalf("Abandon: %v", err)
	}
	d := dump(m.t, m.subject)
	for _, r := range rows {
		id := r.Conversation.ConversationID
		after := outcome(r, m.stored[id])
		if got := d.Conversations[[2]string{"p", id}]; got != nil && Diff(after, got, LoaderSet...) == "" {
			m.put(after)
		}
	}
}
