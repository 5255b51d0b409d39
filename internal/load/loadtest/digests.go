package loadtest

import (
	"slices"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// digestChecks are about the digests of what the source returned.
var digestChecks = []check{
	{"digests/stored", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		later := Conversation("p", "a", Noon.AddDate(0, 1, 0), digest(2))
		b.load(Conversation("p", "c", Noon.Add(time.Second), digest(1)), Conversation("p", "b", Noon), later)
		b.load(Conversation("p", "d", Noon, In(Sandbox), digest(4)))
		digests(t, b.dest, live("p"), "b", 0, "c", 1, "a", 2)
		digests(t, b.dest, load.Feed{ProjectID: "p", Environment: Sandbox}, "d", 4)
		keys, err := b.dest.Digests(t.Context(), live("p"), warehouse.TimestampOf(Noon), later.Conversation.StartedAt)
		if err != nil || len(keys) != 2 || keys[1].StartedAt != warehouse.TimestampOf(Noon.Add(time.Second)) {
			t.Errorf("within the range: %+v, %v", keys, err)
		}
		b.end()
		digests(t, begin(t, s, 2, "p").dest, live("p"), "b", 0, "c", 1, "a", 2)
	}},
	{"digests/unchanged", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		b.load(Conversation("p", "c-1", Noon), Conversation("p", "c-2", Noon, digest(2)), Conversation("p", "c-3", Noon, digest(3)))
		b.end()
		before := dump(t, s)
		b = begin(t, s, 2, "p")
		counts := b.load(Conversation("p", "c-1", Noon, digest(1)), Conversation("p", "c-2", Noon), Conversation("p", "c-3", Noon, digest(3)))
		counted(t, counts, 0, 0, 3)
		for table, n := range counts.Rows {
			if n > 0 {
				t.Errorf("%d rows of %s were written", n, table)
			}
		}
		digests(t, b.dest, live("p"), "c-1", 1, "c-2", 0, "c-3", 3)
		b.end()
		sameContent(t, before, dump(t, s))
	}},
	{"digests/changed", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		b.load(Conversation("p", "c-1", Noon, digest(1)), Conversation("p", "c-2", Noon, digest(2)), Conversation("p", "c-3", Noon, digest(3)))
		digests(t, b.dest, live("p"), "c-1", 1, "c-2", 2, "c-3", 3)
		b.load(Conversation("p", "c-1", Noon, Note("new"), digest(4)), Conversation("p", "c-2", Noon, Note("new")))
		digests(t, b.dest, live("p"), "c-1", 4, "c-2", 0, "c-3", 3)
		b.load(Conversation("p", "c-3", Noon.AddDate(0, 0, 1), digest(5)))
		digests(t, b.dest, live("p"), "c-1", 4, "c-2", 0, "c-3", 5)
	}},
	{"digests/kept turns", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		b.load(Conversation("p", "c-1", Noon, digest(1)))
		for i := range 2 { // the second time, it is unchanged
			b.load(Conversation("p", "c-1", Noon, Hidden(warehouse.Some(int64(3))), digest(byte(2+i))))
			digests(t, b.dest, live("p"), "c-1", 2+i)
		}
	}},
	{"digests/version that loses", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		stored := Conversation("p", "c-1", Noon, digest(1))
		b.load(stored)
		b.load(Conversation("p", "c-1", Noon, In(Sandbox), Note("other"), digest(2)))
		st := b.next(live("p"))
		b.stage(st, Conversation("p", "c-1", Noon.Add(-time.Hour), digest(3)))
		st.Judged = map[string]warehouse.Timestamp{"c-1": stored.Conversation.StartedAt}
		b.publish(st)
		digests(t, b.dest, live("p"), "c-1", 1)
	}},
	{"digests/several versions", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		for range 2 { // the second time, they are stored
			b.load(
				Conversation("p", "c-1", Noon, digest(1)), Conversation("p", "c-2", Noon, digest(2)),
				Conversation("p", "c-1", Noon, Note("other"), digest(3)), Conversation("p", "c-2", Noon, digest(2)),
			)
			digests(t, b.dest, live("p"), "c-1", 0, "c-2", 2)
		}
	}},
	{"digests/missing", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		c := Conversation("p", "c-1", Noon, digest(1))
		b.load(c, Conversation("p", "c-2", Noon, digest(2)))
		digests(t, b.dest, live("p"), "c-1", 1, "c-2", 2)
		for _, deleted := range []bool{false, true} {
			st := b.next(live("p"))
			st.Missing, st.DeleteMissing = []load.Key{{ID: "c-1", StartedAt: c.Conversation.StartedAt}}, deleted
			b.publish(st)
			if deleted {
				digests(t, b.dest, live("p"), "c-2", 2)
			} else {
				digests(t, b.dest, live("p"), "c-1", 0, "c-2", 2)
			}
			b.load(c)
			digests(t, b.dest, live("p"), "c-1", 1, "c-2", 2)
		}
	}},
	{"digests/repaired", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		c := Conversation("p", "c-1", Noon, digest(1))
		b.load(byHand(c), Conversation("p", "c-2", Noon.AddDate(0, 2, 0), digest(2)))
		mend(t, b, []load.Key{{ID: "c-1", StartedAt: c.Conversation.StartedAt}})
		digests(t, b.dest, live("p"), "c-1", 0, "c-2", 2)
		b.rewrite = true
		b.load(c)
		digests(t, b.dest, live("p"), "c-1", 1, "c-2", 2)
	}},
	{"digests/damaged", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		c := Conversation("p", "c-1", Noon, digest(1))
		b.load(c, Conversation("p", "c-2", Noon.AddDate(0, 2, 0), digest(2)))
		b.end()
		s.Inflict(t, DamageLifecycle, c)
		b = begin(t, s, 2, "p")
		mend(t, b, nil)
		digests(t, b.dest, live("p"), "c-1", 0, "c-2", 2)
	}},
	{"digests/erased", func(t testing.TB, s Subject) {
		begin(t, s, 1, "p").end()
		c := Conversation("p", "c-1", Noon, digest(1))
		s.Inflict(t, DamageTombstone, c)
		b := begin(t, s, 2, "p")
		b.load(c)
		digests(t, b.dest, live("p"))
	}},
	{"digests/recording", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		c := Conversation("p", "c-1", Noon, digest(1))
		b.load(c)
		claim, err := b.dest.ClaimRecordings(t.Context(), b.owner, "p")
		if err != nil {
			t.Fatal(err)
		}
		result := load.RecordingResult{AudioReference: c.Audio[0]}
		result.Availability, result.CheckedAt, result.Checks = warehouse.AudioAvailable, warehouse.Some(b.now), 1
		if _, err := claim.Record(t.Context(), []load.RecordingResult{result}, nil); err != nil {
			t.Fatal(err)
		}
		if err := claim.Close(); err != nil {
			t.Error(err)
		}
		b.end()
		digests(t, begin(t, s, 2, "p").dest, live("p"), "c-1", 1)
	}},
}

// digest gives a conversation a digest; 0: none.
func digest(n byte) Option {
	return func(r *warehouse.Rows) {
		r.Digest = warehouse.Digest{}
		if n > 0 {
			r.Digest[0], r.Digest[15] = n, 0xff
		}
	}
}

// digests compares the stored digests of a feed with ids and their digests in turn, in
// the order of their starts.
func digests(t testing.TB, from load.DigestReader, feed load.Feed, want ...any) {
	t.Helper()
	keys, err := from.Digests(t.Context(), feed, warehouse.TimestampOf(Noon.AddDate(-1, 0, 0)), warehouse.TimestampOf(Noon.AddDate(1, 0, 0)))
	if err != nil {
		t.Fatal(err)
	}
	var got []any
	for _, k := range keys {
		if known := k.Digest.IsKnown(); known && k.Digest[15] != 0xff {
			t.Errorf("the digest of %s is %x", k.ID, k.Digest)
		}
		got = append(got, k.ID, int(k.Digest[0]))
	}
	if !slices.Equal(got, want) {
		t.Errorf("stored digests: %v, want %v", got, want)
	}
}
