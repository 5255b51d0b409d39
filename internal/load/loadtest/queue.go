package loadtest

import (
	"slices"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// queueChecks are about the open-conversation queue.
var queueChecks = []check{
	{"queue/until it ends", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		younger, older := Conversation("p", "a-younger", Noon, Open()), Conversation("p", "z-older", Noon.AddDate(0, 0, -2), Open())
		b.load(younger, Conversation("p", "ended", Noon), older)
		queue(t, b, older, younger)
		b.end()
		b = begin(t, s, 2, "p")
		queue(t, b, older, younger)
		ended := Conversation("p", "a-younger", Noon)
		counted(t, b.load(ended), 0, 1, 0)
		queue(t, b, older)
		dump(t, s).stored(t, ended)
	}},
	{"queue/unchanged", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		r := Conversation("p", "c-1", Noon, Open())
		b.load(r)
		counted(t, b.load(r), 0, 0, 1)
		queue(t, b, r)
	}},
	{"queue/changed", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		b.load(Conversation("p", "c-1", Noon, Open(), Turns(1)))
		r := Conversation("p", "c-1", Noon, Open(), Turns(2))
		b.load(r)
		queue(t, b, r)
	}},
	{"queue/moved", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		b.load(Conversation("p", "c-1", Noon, Open()))
		r := Conversation("p", "c-1", Noon.AddDate(0, 0, -1), Open())
		b.load(r)
		queue(t, b, r)
	}},
	{"queue/abandoned", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		b.load(Conversation("p", "c-1", Noon, Open()))
		before := dump(t, s)
		r := Conversation("p", "c-1", Noon, Abandoned())
		b.load(r)
		queue(t, b)
		after := dump(t, s)
		if old, got := before.Conversations[[2]string{"p", "c-1"}].Conversation, after.stored(t, r).Conversation; got.UpdatedAt != old.UpdatedAt {
			t.Errorf("updated at %d, and now at %d, though its content did not change", old.UpdatedAt, got.UpdatedAt)
		}
		if n := after.upserts("c-1"); n != 2 {
			t.Errorf("%d changes, want one for each write", n)
		}
	}},
	{"queue/ended after it was abandoned", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		b.load(Conversation("p", "c-1", Noon, Abandoned()))
		queue(t, b)
		r := Conversation("p", "c-1", Noon)
		b.load(r)
		queue(t, b)
		dump(t, s).stored(t, r)
	}},
	{"queue/per feed", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p", "q")
		rows := []*warehouse.Rows{
			Conversation("p", "c-1", Noon, Open()), Conversation("q", "c-1", Noon, Open()),
			Conversation("p", "c-2", Noon.Add(time.Hour), Open(), In(Sandbox)),
		}
		for _, r := range rows {
			b.load(r)
		}
		queue(t, b, rows...)
		for _, r := range rows {
			c := &r.Conversation
			got := b.state(load.Feed{ProjectID: c.ProjectID, Environment: c.Environment}).Open
			if want := []load.OpenConversation{{ID: c.ConversationID, StartedAt: c.StartedAt}}; !slices.Equal(got, want) {
				t.Errorf("queue of %s in %s is %+v, want %+v", c.ProjectID, c.Environment, got, want)
			}
		}
	}},
}

// queue checks that these are open in the table, and in the state, oldest first.
func queue(t testing.TB, b *session, want ...*warehouse.Rows) {
	t.Helper()
	d := dump(t, b.subject)
	if len(d.Open) != len(want) {
		t.Fatalf("%d open conversations are stored, want %d: %+v", len(d.Open), len(want), d.Open)
	}
	var inOrder []load.OpenConversation
	for _, r := range want {
		c := &r.Conversation
		row := warehouse.OpenConversation{
			ProjectID:      c.ProjectID,
			Environment:    c.Environment,
			ConversationID: c.ConversationID,
			StartedAt:      c.StartedAt,
			FirstSeenAt:    d.Conversations[[2]string{c.ProjectID, c.ConversationID}].Conversation.FirstSeenAt,
		}
		if !slices.Contains(d.Open, row) {
			t.Errorf("open conversations are %+v, want %+v among them", d.Open, row)
		}
		if c.ProjectID == "p" && c.Environment == Live {
			inOrder = append(inOrder, load.OpenConversation{ID: c.ConversationID, StartedAt: c.StartedAt})
		}
	}
	if got := b.state(live("p")).Open; !slices.Equal(got, inOrder) {
		t.Errorf("the queue in the state is %+v, want %+v", got, inOrder)
	}
}
