package loadtest

import (
	"testing"
	"time"

	"convsync/internal/warehouse"
)

// writingChecks are about what is written and what is not.
var writingChecks = []check{
	{"writing/new", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		r := Conversation("p", "c-1", Noon)
		counts := b.load(r)
		b.end()
		counted(t, counts, 1, 0, 0)
		for table, want := range map[string]int64{"conversations": 1, "turns": 3, "turn_entities": 9, "conversation_metrics": 3, "audio_references": 1} {
			if got := counts.Rows[table]; got != want {
				t.Errorf("counted %d rows written to %s, want %d", got, table, want)
			}
		}
		d := dump(t, s)
		got := d.stored(t, r).Conversation
		if got.FirstSeenAt == 0 || got.UpdatedAt != got.FirstSeenAt || got.RunID != "run-0001" {
			t.Errorf("first seen %d, updated %d, by run %q", got.FirstSeenAt, got.UpdatedAt, got.RunID)
		}
		if len(d.Changes) != 1 || d.upserts("c-1") != 1 || d.Changes[0].RunID != "run-0001" || d.Changes[0].At == 0 {
			t.Errorf("changes are %+v, want one upsert", d.Changes)
		}
	}},
	{"writing/visible before the run ends", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		r := Conversation("p", "c-1", Noon)
		b.load(r)
		dump(t, s).stored(t, r)
	}},
	{"writing/unchanged", func(t testing.TB, s Subject) {
		r := Conversation("p", "c-1", Noon)
		b := begin(t, s, 1, "p")
		b.load(r)
		b.end()
		before := dump(t, s)
		b = begin(t, s, 2, "p")
		counts := b.load(r)
		b.end()
		counted(t, counts, 0, 0, 1)
		for table, n := range counts.Rows {
			if n != 0 {
				t.Errorf("counted %d rows written to %s", n, table)
			}
		}
		sameContent(t, before, dump(t, s))
	}},
	{"writing/volatile fields", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		b.load(Conversation("p", "c-1", Noon))
		before := dump(t, s)
		counts := b.load(Conversation("p", "c-1", Noon, func(r *warehouse.Rows) {
			r.Turns[0].LatencyPercentile1d = warehouse.Some(51.0)
			r.Conversation.APIVersion = "v1-example"
		}))
		counted(t, counts, 0, 0, 1)
		sameContent(t, before, dump(t, s))
	}},
	{"writing/changed", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		b.load(Conversation("p", "c-1", Noon), Conversation("p", "c-2", Noon.Add(time.Minute)))
		b.end()
		before := dump(t, s)
		b = begin(t, s, 2, "p")
		r := Conversation("p", "c-1", Noon, Note("was read"), Turns(4), Metrics("3.25"), func(r *warehouse.Rows) {
			r.Turns[0].UserInput = "Ada Example was misheard"
			r.Entities[0].Value = "another time"
		})
		counted(t, b.load(r), 0, 1, 0)
		b.end()
		after := dump(t, s)
		replaced(t, before, after, r, "run-0002")
		other := Conversation("p", "c-2", Noon.Add(time.Minute))
		if got := after.stored(t, other); got.Conversation.RunID != "run-0001" {
			t.Errorf("the other conversation was written by %q", got.Conversation.RunID)
		}
	}},
	{"writing/parts removed", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		b.load(Conversation("p", "c-1", Noon, Turns(5)))
		before := dump(t, s)
		r := Conversation("p", "c-1", Noon, Turns(2), func(r *warehouse.Rows) {
			r.Entities = r.Entities[:1]
			r.Metrics = r.Metrics[:1]
			r.Conversation.Metrics = `{"reasons":["late"]}`
		})
		counted(t, b.load(r), 0, 1, 0)
		replaced(t, before, dump(t, s), r, "run-0001")
	}},
	{"writing/mixed batch", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		b.load(Conversation("p", "same", Noon), Conversation("p", "changed", Noon))
		want := []*warehouse.Rows{
			Conversation("p", "same", Noon),
			Conversation("p", "changed", Noon, Note("was read")),
			Conversation("p", "new", Noon),
		}
		counted(t, b.load(want...), 1, 1, 1)
		d := dump(t, s)
		d.count(t, 3)
		for _, r := range want {
			d.stored(t, r)
		}
		for id, n := range map[string]int{"same": 1, "changed": 2, "new": 1} {
			if got := d.upserts(id); got != n {
				t.Errorf("%d changes of %q, want %d", got, id, n)
			}
		}
	}},
}

// replaced checks that want replaced the stored version in that run.
func replaced(t testing.TB, before, after *Dump, want *warehouse.Rows, run string) {
	t.Helper()
	c := &want.Conversation
	old := before.Conversations[[2]string{c.ProjectID, c.ConversationID}].Conversation
	got := after.stored(t, want).Conversation
	if got.FirstSeenAt != old.FirstSeenAt {
		t.Errorf("first seen at %d, now at %d", old.FirstSeenAt, got.FirstSeenAt)
	}
	if got.UpdatedAt <= old.UpdatedAt || got.RunID != run {
		t.Errorf("updated at %d, now at %d, by run %q; want later, by %q", old.UpdatedAt, got.UpdatedAt, got.RunID, run)
	}
	if n := len(after.Changes) - len(before.Changes); n != 1 {
		t.Errorf("the change added %d changes, want 1", n)
	}
	after.count(t, len(before.Conversations))
}
