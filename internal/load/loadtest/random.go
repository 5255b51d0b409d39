package loadtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

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
				run: cases * 100, stored: map[string]*warehouse.Rows{}, last: map[string]*warehouse.Rows{}}
			m.reopen()
			defer func() { m.session.close() }()
			for range rapid.IntRange(1, 8).Draw(r, "steps") {
				rapid.SampledFrom([]func(){m.publish, m.publish, m.publish, m.abandon, m.reopen}).Draw(r, "step")()
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
	for _, r := range rows {
		id := r.Conversation.ConversationID
		old := m.stored[id]
		m.stored[id] = outcome(r, old)
		switch {
		case old == nil:
			inserted++
		case Diff(old, m.stored[id]) != "":
			updated++
		default:
			unchanged++
		}
	}
	m.changes += int(inserted + updated)
	counted(m.t, counts, inserted, updated, unchanged)
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
			m.stored[id] = after
		}
	}
}

// answers draws what the source says of some of a few conversations.
func (m *model) answers() []*warehouse.Rows {
	ids := rapid.SliceOfNDistinct(rapid.IntRange(1, 5), 1, 4, rapid.ID[int]).Draw(m.T, "ids")
	rows := make([]*warehouse.Rows, len(ids))
	for i, n := range ids {
		id := fmt.Sprintf("%s%d", m.prefix, n)
		if last := m.last[id]; last != nil && rapid.IntRange(0, 2).Draw(m.T, "again") == 0 {
			rows[i] = again(last)
		} else {
			start := Noon.AddDate(0, 0, rapid.SampledFrom([]int{0, 0, 0, 1, 40}).Draw(m.T, "day"))
			rows[i] = Conversation("p", id, start.Add(time.Duration(n)*time.Second), m.options()...)
		}
		m.last[id] = rows[i]
	}
	return rows
}

// again is the same answer, but for what was open: that has been so for too long.
func again(last *warehouse.Rows) *warehouse.Rows {
	r := Clone(last)
	if r.IsOpen() {
		r.Conversation.Lifecycle = warehouse.LifecycleAbandoned
	}
	return r
}

// options draws what a conversation is like.
func (m *model) options() []Option {
	options := []Option{
		Note(rapid.SampledFrom([]string{"", "read"}).Draw(m.T, "note")),
		Turns(rapid.IntRange(0, 3).Draw(m.T, "turns")),
		Metrics(rapid.SampledFrom([]string{"1.0", "2.5"}).Draw(m.T, "score")),
	}
	for _, o := range []struct {
		name   string
		option Option
	}{
		{"hidden", Hidden(warehouse.Some(int64(3)))}, {"hidden and unknown", Hidden(warehouse.Null[int64]{})},
		{"no metrics", NoMetrics("{}")}, {"null metrics", NoMetrics("")}, {"open", Open()}, {"abandoned", Abandoned()},
	} {
		if rapid.IntRange(0, 5).Draw(m.T, o.name) == 5 {
			options = append(options, o.option)
		}
	}
	return options
}

// outcome is what has to stand when r is answered and old is stored.
func outcome(r, old *warehouse.Rows) *warehouse.Rows {
	out := Clone(r)
	if old == nil {
		return out
	}
	c, was := &out.Conversation, Clone(old)
	hidden := len(r.Turns) == 0 && len(was.Turns) > 0 && (!c.NumTurns.Valid || c.NumTurns.V > 0)
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

// compare holds all that is stored of these ids against the model.
func (m *model) compare() {
	d := dump(m.t, m.subject)
	found, changes := 0, 0
	for key := range d.Conversations {
		if strings.HasPrefix(key[1], m.prefix) {
			found++
		}
	}
	for _, c := range d.Changes {
		if strings.HasPrefix(c.ConversationID, m.prefix) {
			changes++
		}
	}
	if found != len(m.stored) {
		m.Fatalf("%d conversations are stored, want %d", found, len(m.stored))
	}
	if changes < m.changes {
		m.Errorf("%d changes are recorded, want at least %d", changes, m.changes)
	}
	open := m.session.state(live("p")).Open
	for id, want := range m.stored {
		d.stored(m.t, want)
		listed := slices.ContainsFunc(open, func(o load.OpenConversation) bool { return o.ID == id })
		if listed != want.IsOpen() {
			m.Errorf("conversation %q is %s; on the worklist: %v", id, want.Conversation.Lifecycle, listed)
		}
	}
}
