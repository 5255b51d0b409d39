package loadtest

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// randomChecks run random sequences of operations against a model.
var randomChecks = []check{
	{"random sequences", func(t testing.TB, s Subject) {
		cases := 0
		rapid.Check(t, func(r *rapid.T) {
			cases++ // each case has ids of its own in the shared destination
			m := &model{
				T:       r,
				t:       &caseTB{TB: t, rapid: r},
				subject: s,
				prefix:  fmt.Sprintf("case-%d ", cases),
				run:     cases * 100,
				stored:  map[string]*warehouse.Rows{},
				last:    map[string]*warehouse.Rows{},
				late:    map[string]int64{},
			}
			m.reopen()
			defer func() { m.session.close() }()
			m.base = m.lateness()
			for range rapid.IntRange(1, 8).Draw(r, "steps") {
				rapid.SampledFrom([]func(){m.publish, m.publish, m.publish, m.abandon, m.publishMissing, m.publishMissing, m.reopen}).Draw(r, "step")()
			}
			m.compare()
		})
	}},
}

// caseTB reports failures of a random case to rapid.
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

// model is the expected content for the ids with a prefix.
type model struct {
	*rapid.T
	t       testing.TB
	subject Subject
	session *session
	prefix  string
	run     int
	stored  map[string]*warehouse.Rows
	last    map[string]*warehouse.Rows // returned last by the source
	changes int                        // at least
	deleted int
	late    map[string]int64 // counted, by measure
	base    map[string]int64 // counted before this case
}

// reopen begins another run. The previous one ended, or was killed.
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

// publish publishes one or two windows that were staged concurrently. No id is in
// them twice, since the contract does not define which version is stored.
func (m *model) publish() {
	var windows []*load.Window
	for range rapid.IntRange(1, 2).Draw(m.T, "windows") {
		windows = append(windows, m.session.next(live("p")))
	}
	rows := m.answers()
	for i, r := range rows {
		m.session.stage(windows[i%len(windows)], r)
	}
	slices.Reverse(windows)
	var counts load.Counts
	for _, st := range windows {
		counts.Add(m.session.publish(st))
	}
	var inserted, updated, unchanged int64
	var most load.VisibleAgain // upper limit: it depends on the other conversations of the day
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
			countVisibleAgain(&most, &old.Conversation, &m.stored[id].Conversation)
		}
	}
	m.changes += int(inserted + updated)
	counted(m.t, counts, inserted, updated, unchanged)
	if got := counts.VisibleAgain; got.Transcripts > most.Transcripts || got.Metrics > most.Metrics {
		m.Errorf("counted as visible again: %+v, want at most %+v", got, most)
	}
}

// publishMissing publishes a window in which some conversations are missing, some
// of them with a start other than the stored one.
func (m *model) publishMissing() {
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

// abandon stages conversations and abandons the window; each may be stored or not.
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
