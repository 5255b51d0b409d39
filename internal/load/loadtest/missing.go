package loadtest

import (
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// missingChecks are about conversations that the source no longer lists.
var missingChecks = []check{
	{"missing/marked once", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		gone := Conversation("p", "gone", Noon)
		b.load(gone, Conversation("p", "stays", Noon))
		b.end()
		before := dump(t, s)
		b = begin(t, s, 2, "p")
		counts := b.miss(live("p"), keyOf(gone))
		counted(t, counts, 0, 0, 0)
		if counts.Missing != 1 || counts.Rows["conversations"] != 1 || counts.Rows["turns"] != 0 {
			t.Errorf("counted %d missing, and written %v; want 1, and one row of conversations", counts.Missing, counts.Rows)
		}
		first := b.now
		marked := dump(t, s)
		hasMark(t, before, marked, "gone", first)
		if diff := Diff(before.of("stays"), marked.of("stays")); diff != "" {
			t.Errorf("the other conversation: %s", diff)
		}
		last := marked.Changes[len(marked.Changes)-1]
		if n := len(marked.Changes) - len(before.Changes); n != 1 || marked.upserts("gone") != 2 || last.RunID != "run-0002" || last.At == 0 {
			t.Errorf("the mark added %d changes, the last %+v; want one upsert by this run", n, last)
		}
		b.end()
		b = begin(t, s, 3, "p")
		if counts := b.miss(live("p"), keyOf(gone)); counts.Missing != 0 || counts.Rows["conversations"] != 0 {
			t.Errorf("counted %d missing, written %v, though it was marked before", counts.Missing, counts.Rows)
		}
		sameContent(t, marked, dump(t, s))
		summed(t, b, live("p"), 2, 1)
	}},
	{"missing/other start", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p", "q")
		here, elsewhere, other := Conversation("p", "here", Noon), Conversation("p", "elsewhere", Noon, In(Sandbox)), Conversation("q", "other", Noon)
		for _, r := range []*warehouse.Rows{here, elsewhere, other} {
			b.load(r)
		}
		before := dump(t, s)
		moved, later := keyOf(here), keyOf(here)
		moved.StartedAt++
		later.StartedAt = warehouse.TimestampOf(Noon.AddDate(0, 1, 0))
		unknown := load.Key{ID: "never was", StartedAt: keyOf(here).StartedAt}
		for _, deletes := range []bool{false, true} {
			st := b.next(live("p"))
			st.Missing, st.DeleteMissing = []load.Key{moved, later, unknown, keyOf(elsewhere), keyOf(other)}, deletes
			if counts := b.publish(st); counts.Missing != 0 {
				t.Errorf("counted %d missing, deleting: %v; want none", counts.Missing, deletes)
			}
			sameContent(t, before, dump(t, s))
		}
	}},
	{"missing/moved meanwhile", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		old, moved := Conversation("p", "c-1", Noon), Conversation("p", "c-1", Noon.AddDate(0, 0, 1))
		b.load(old)
		b.load(moved)
		before := dump(t, s)
		b.miss(live("p"), keyOf(old))
		sameContent(t, before, dump(t, s))
	}},
	{"missing/open-conversation queue", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		gone, stays := Conversation("p", "gone", Noon, Open()), Conversation("p", "stays", Noon.Add(time.Second), Open())
		b.load(gone, stays)
		b.miss(live("p"), keyOf(gone))
		queue(t, b, stays)
		b.end()
		b = begin(t, s, 2, "p")
		queue(t, b, stays)
		counted(t, b.load(gone), 0, 1, 0)
		queue(t, b, gone, stays)
	}},
	{"missing/listed again", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		r := Conversation("p", "c-1", Noon)
		b.load(r)
		before := dump(t, s)
		b.miss(live("p"), keyOf(r))
		b.end()
		b = begin(t, s, 2, "p")
		counted(t, b.load(r), 0, 1, 0)
		after := dump(t, s)
		if diff := Diff(before.of("c-1"), after.of("c-1"), "run_id"); diff != "" {
			t.Errorf("listed again: %s", diff)
		}
		if n := after.upserts("c-1"); n != 3 {
			t.Errorf("%d changes, want one each for new, missing and listed again", n)
		}
		counted(t, b.load(r), 0, 0, 1)
		summed(t, b, live("p"), 1, 0)
		b.miss(live("p"), keyOf(r)) // once more, from then on
		hasMark(t, after, dump(t, s), "c-1", b.now)
	}},
	{"missing/listed again, hidden", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		r := Conversation("p", "c-1", Noon)
		b.load(r)
		before := dump(t, s)
		b.miss(live("p"), keyOf(r))
		marked := dump(t, s)
		counted(t, b.load(Conversation("p", "c-1", Noon, Hidden(warehouse.Some(int64(3))), NoMetrics("{}"))), 0, 1, 0)
		want := kept(Conversation("p", "c-1", Noon))
		dump(t, s).stored(t, want)
		if first := before.of("c-1").Conversation.FirstSeenAt; dump(t, s).of("c-1").Conversation.FirstSeenAt != first {
			t.Errorf("first_seen_at is no longer %d", first)
		}
		if n := len(dump(t, s).Changes) - len(marked.Changes); n != 1 {
			t.Errorf("%d changes were added, want 1", n)
		}
	}},
	{"missing/deleted", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		day, month := Noon.AddDate(0, 0, 1), Noon.AddDate(0, 1, 0)
		marked, open, stays := Conversation("p", "marked", Noon), Conversation("p", "open", Noon, Open()), Conversation("p", "stays", Noon)
		alone, far := Conversation("p", "alone", day), Conversation("p", "far", month)
		b.load(marked, open, stays, alone, far)
		b.miss(live("p"), keyOf(marked))
		b.end()
		before := dump(t, s)
		b = begin(t, s, 2, "p")
		gone := []*warehouse.Rows{marked, open, alone, far}
		counts := b.drop(live("p"), keyOf(marked), keyOf(open), keyOf(alone), keyOf(far))
		counted(t, counts, 0, 0, 0)
		if counts.Missing != 4 {
			t.Errorf("counted %d missing, want 4", counts.Missing)
		}
		after := dump(t, s) // which fails on parts without their conversation
		after.count(t, 1)
		if diff := Diff(before.of("stays"), after.of("stays")); diff != "" {
			t.Errorf("the other conversation: %s", diff)
		}
		for _, r := range gone {
			id := r.Conversation.ConversationID
			if after.changes(id, warehouse.OperationDelete) != 1 || after.upserts(id) != before.upserts(id) {
				t.Errorf("changes of %q: want one more, a delete", id)
			}
		}
		queue(t, b)
		summed(t, b, live("p"), 1, 0)
		if counts := b.drop(live("p"), keyOf(alone)); counts.Missing != 0 {
			t.Errorf("counted %d missing that were deleted before", counts.Missing)
		}
		counted(t, b.load(alone), 1, 0, 0) // it is new
		dump(t, s).stored(t, alone)
	}},
	{"missing/with its window", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		gone, changed := Conversation("p", "gone", Noon), Conversation("p", "changed", Noon)
		b.load(gone, changed)
		before := dump(t, s)
		st := b.next(live("p"))
		st.Coverage, st.Watermark = []load.Range{span(0, 5)}, at(5)
		st.Missing = []load.Key{keyOf(gone)}
		changed = Conversation("p", "changed", Noon, Note("was read"))
		b.stage(st, changed, Conversation("p", "new", Noon))
		if _, marked := dump(t, s).mark("gone"); marked {
			t.Error("it is marked before its window is published")
		}
		counts := b.publish(st)
		counted(t, counts, 1, 1, 0)
		if counts.Missing != 1 {
			t.Errorf("counted %d missing, want 1", counts.Missing)
		}
		d := dump(t, s)
		hasMark(t, before, d, "gone", st.At)
		d.stored(t, changed)
		hasState(t, b, live("p"), at(5), span(0, 5))
	}},
}

// keyOf returns the key of a conversation.
func keyOf(r *warehouse.Rows) load.Key {
	return load.Key{ID: r.Conversation.ConversationID, StartedAt: r.Conversation.StartedAt}
}

// miss publishes a window of the feed in which these are missing.
func (b *session) miss(feed load.Feed, keys ...load.Key) load.Counts {
	b.Helper()
	st := b.next(feed)
	st.Missing = keys
	return b.publish(st)
}

// drop is miss with DeleteMissing.
func (b *session) drop(feed load.Feed, keys ...load.Key) load.Counts {
	b.Helper()
	st := b.next(feed)
	st.Missing, st.DeleteMissing = keys, true
	return b.publish(st)
}

// of returns the stored conversation of project p with that id, or nil.
func (d *Dump) of(id string) *warehouse.Rows { return d.Conversations[[2]string{"p", id}] }

// mark returns missing_since of a conversation of project p.
func (d *Dump) mark(id string) (since warehouse.Timestamp, marked bool) {
	r := d.of(id)
	if r == nil {
		return 0, false
	}
	return r.Conversation.MissingSince.V, r.Conversation.MissingSince.Valid
}

// hasMark checks that a conversation is marked, and otherwise unchanged.
func hasMark(t testing.TB, before, after *Dump, id string, since warehouse.Timestamp) {
	t.Helper()
	if got, marked := after.mark(id); !marked || got != since {
		t.Errorf("conversation %q is missing since %d (%v), want %d", id, got, marked, since)
	}
	if diff := Diff(before.of(id), after.of(id), "missing_since", "run_id"); diff != "" {
		t.Errorf("conversation %q, which was marked: %s", id, diff)
	}
}

// summed checks the numbers of conversations and of missing ones in a feed's
// summary.
func summed(t testing.TB, b *session, feed load.Feed, conversations, missing int64) {
	t.Helper()
	sums, err := b.dest.Summary(t.Context(), []load.Feed{feed})
	if err != nil {
		t.Fatalf("Summary: %v", err)
	}
	if got := sums[feed]; got.Conversations != conversations || got.Missing != missing {
		t.Errorf("the summary has %d conversations, %d of them missing; want %d and %d", got.Conversations, got.Missing, conversations, missing)
	}
}
