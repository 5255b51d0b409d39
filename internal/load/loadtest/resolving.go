package loadtest

import (
	"testing"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// resolvingChecks are about rejects of conversations that can be read later, and
// about versions that were loaded from rejects.
var resolvingChecks = []check{
	{"rejects/resolved by loading", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p", "q")
		var others []warehouse.Reject
		for _, feed := range []load.Feed{live("p"), live("q"), {ProjectID: "p", Environment: Sandbox}} {
			others = append(others, b.rejects(feed, "x", "c-1")...)
		}
		others = append(others[1:], b.rejects(live("p"), "y", "c-2")...)
		others = append(others, b.rejects(live("p"), "z", "")...)
		b.rejects(live("p"), "of the same", "c-1")
		b.end()

		b = begin(t, s, 2, "p", "q")
		st := b.next(live("p"))
		r := Conversation("p", "c-1", Noon)
		b.stage(st, r, Conversation("p", "c-3", Noon))
		st.Rejects = []warehouse.Reject{rejectOf(st, "of this window", "c-1")} // it is not known which one was last
		counts := b.publish(st)
		counted(t, counts, 2, 0, 0)
		if counts.NewRejects != 1 {
			t.Errorf("counted %d new rejects, want 1", counts.NewRejects)
		}
		sameSet(t, "rejects", dump(t, s).Rejects, append(st.Rejects, others...))

		before := dump(t, s)
		counted(t, b.load(r), 0, 0, 1) // as it was
		sameSet(t, "rejects", dump(t, s).Rejects, others)
		sameContent(t, before, dump(t, s))
		b.rejects(live("p"), "again", "c-1") // by this run, too
		counted(t, b.load(r), 0, 0, 1)
		sameSet(t, "rejects", dump(t, s).Rejects, others)
	}},
	{"rejects/resolved by a later environment", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		r := Conversation("p", "c-1", Noon)
		b.load(r)
		kept := b.rejects(live("p"), "x", "c-1")
		b.rejects(load.Feed{ProjectID: "p", Environment: Sandbox}, "x", "c-1")
		b.load(Conversation("p", "c-1", Noon, In(Sandbox), Note("sandbox")))
		d := dump(t, s)
		d.stored(t, r)
		sameSet(t, "rejects", d.Rejects, kept)
	}},
	{"rejects/older version is skipped", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		b.load(Conversation("p", "c-1", Noon, Note("new")))
		before := dump(t, s)
		written := before.of("c-1").Conversation.UpdatedAt
		old := Conversation("p", "c-1", Noon.AddDate(0, 0, 1), Note("old"), Open())
		st := b.stageSeenAt(written-1, old, Conversation("p", "c-2", Noon))
		st.Resolved = []string{"never was"}
		counted(t, b.publish(st), 1, 0, 1)
		d := dump(t, s)
		d.count(t, 2)
		if diff := Diff(before.of("c-1"), d.of("c-1")); diff != "" {
			t.Errorf("the newer version: %s", diff)
		}
		if n := d.upserts("c-1"); n != 1 {
			t.Errorf("%d changes, want 1", n)
		}
		queue(t, b)
		counted(t, b.publish(b.stageSeenAt(written+1, old)), 0, 1, 0)
		dump(t, s).stored(t, old)
	}},
	{"missing rejects/marked until returned again", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		gone := b.rejects(live("p"), "x", "c-1")[0]
		kept := b.rejects(live("p"), "y", "c-2")[0]
		other := b.rejects(load.Feed{ProjectID: "p", Environment: Sandbox}, "x", "c-1")[0]
		st := b.next(live("p"))
		st.MissingRejects = []string{"x", "never was"}
		b.publish(st)
		gone.MissingSince = warehouse.Some(st.At)
		sameSet(t, "rejects", dump(t, s).Rejects, []warehouse.Reject{gone, kept, other})
		b.end()

		b = begin(t, s, 2, "p")
		st = b.next(live("p"))
		st.MissingRejects = []string{"x"}
		b.publish(st)
		sameSet(t, "rejects", dump(t, s).Rejects, []warehouse.Reject{gone, kept, other})
		keys, err := b.dest.RejectKeys(t.Context(), live("p"))
		if err != nil {
			t.Fatalf("RejectKeys: %v", err)
		}
		sameSet(t, "keys of rejects", keys, []load.RejectKey{{RejectID: "x", ConversationID: "c-1", Missing: true}, {RejectID: "y", ConversationID: "c-2"}})

		again := b.rejects(live("p"), "x", "c-1")[0]
		gone.MissingSince, gone.LastSeenAt = warehouse.Null[warehouse.Timestamp]{}, again.LastSeenAt
		sameSet(t, "rejects", dump(t, s).Rejects, []warehouse.Reject{gone, kept, other})
		b.end()
		sameSet(t, "rejects", dump(t, s).Rejects, []warehouse.Reject{gone, kept, other})
	}},
	{"missing rejects/read before it was missing", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		r := Conversation("p", "c-1", Noon)
		b.load(r)
		written := dump(t, s).of("c-1").Conversation.UpdatedAt
		b.now = max(b.now, written)
		b.miss(live("p"), keyOf(r))
		before := dump(t, s)
		counted(t, b.publish(b.stageSeenAt(written+1, Conversation("p", "c-1", Noon, Note("rejected before")))), 0, 0, 1)
		sameContent(t, before, dump(t, s))
	}},
}

// rejectOf makes a reject of a conversation.
func rejectOf(st *load.Window, id, conversation string) warehouse.Reject {
	r := reject(st, id)
	r.ConversationID = warehouse.Text(conversation)
	return r
}

// rejects publishes a window of a feed in which a conversation could not be read.
func (b *session) rejects(feed load.Feed, id, conversation string) []warehouse.Reject {
	b.Helper()
	st := b.next(feed)
	st.Rejects = []warehouse.Reject{rejectOf(st, id, conversation)}
	b.publish(st)
	return st.Rejects
}

// stageSeenAt returns a window with staged conversations that the source returned
// at a moment.
func (b *session) stageSeenAt(at warehouse.Timestamp, rows ...*warehouse.Rows) *load.Window {
	b.Helper()
	st := b.next(live("p"))
	staged := batch(st, rows)
	staged.SeenAt = at
	if err := b.writer.Stage(b.Context(), staged); err != nil {
		b.Fatalf("Stage: %v", err)
	}
	return st
}
