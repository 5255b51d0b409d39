package loadtest

import (
	"testing"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// rewritingChecks are about batches that are written even if the hash is unchanged.
var rewritingChecks = []check{
	{"rewrite/changed by hand", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		right := Conversation("p", "c-1", Noon)
		b.load(byHand(right))
		before := dump(t, s)
		counted(t, b.load(right), 0, 0, 1) // the hash is unchanged
		b.end()

		b = begin(t, s, 2, "p")
		b.rewrite, b.liveSince = true, 1
		counts := b.load(right)
		if counts.Rows["conversations"] != 1 || counts.Rows["turns"] != 3 || counts.Inserted != 0 || counts.Updated+counts.Unchanged != 1 {
			t.Errorf("counted %+v, want one conversation written again", counts)
		}
		after := dump(t, s)
		after.count(t, 1)
		got := after.stored(t, right).Conversation
		if old := before.of("c-1").Conversation; got.FirstSeenAt != old.FirstSeenAt {
			t.Errorf("first seen at %d, and now at %d", old.FirstSeenAt, got.FirstSeenAt)
		}
		if n := len(after.Changes) - len(before.Changes); n != 1 {
			t.Errorf("%d changes were added, want 1", n)
		}
		late(t, b, live("p"), nil) // the source has not changed it
	}},
	{"rewrite/hidden turns", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		b.load(Conversation("p", "c-1", Noon))
		b.rewrite = true
		for range 2 {
			b.load(Conversation("p", "c-1", Noon, Hidden(warehouse.Some(int64(3))), NoMetrics("{}")))
			dump(t, s).stored(t, kept(Conversation("p", "c-1", Noon)))
		}
	}},
	{"rewrite/new and elsewhere", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		first := Conversation("p", "c-1", Noon)
		b.load(first)
		b.rewrite = true
		st := b.next(load.Feed{ProjectID: "p", Environment: Sandbox})
		other := Conversation("p", "c-2", Noon, In(Sandbox))
		b.stage(st, Conversation("p", "c-1", Noon, In(Sandbox), Note("sandbox")), other)
		if counts := b.publish(st); counts.Inserted != 1 || counts.Updated != 0 {
			t.Errorf("counted %+v, want one inserted", counts)
		}
		d := dump(t, s)
		d.count(t, 2)
		d.stored(t, first)
		d.stored(t, other)
	}},
}

// byHand returns a conversation as it is stored after a change by hand in the
// destination: other rows under the old hash.
func byHand(r *warehouse.Rows) *warehouse.Rows {
	changed := Clone(r)
	changed.Conversation.Summary = "Somebody was here."
	changed.Turns, changed.Entities = changed.Turns[:1], nil
	return changed
}
