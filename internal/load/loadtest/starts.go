package loadtest

import (
	"errors"
	"slices"
	"testing"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

var (
	earlier = Noon
	later   = Noon.AddDate(0, 0, 7)
)

// startChecks are about ids with two starts, and about conversations that the
// source no longer lists where they are stored.
var startChecks = []check{
	{"two starts/earlier needs a judgment", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		b.load(Conversation("p", "c-1", later))
		before := dump(t, s)
		st := b.next(live("p"))
		st.Coverage = []load.Range{span(-1, 0)}
		b.stage(st, Conversation("p", "c-1", earlier, Note("first")), Conversation("p", "c-2", earlier))
		want := load.OtherStart{ID: "c-1", Stored: warehouse.TimestampOf(later), Answered: warehouse.TimestampOf(earlier)}
		for range 2 {
			refused(b, st, want)
			if covered := b.state(live("p")).Coverage; len(covered) > 0 {
				t.Errorf("covered %v before the starts were judged", covered)
			}
		}
		st.Judged = map[string]warehouse.Timestamp{"c-1": warehouse.TimestampOf(later)}
		counts := b.publish(st)
		counted(t, counts, 1, 0, 1)
		if !slices.Contains(counts.OtherStarts, want) {
			t.Errorf("reported %v, want %v", counts.OtherStarts, want)
		}
		after := dump(t, s)
		after.stored(t, before.of("c-1"))
		if n := after.upserts("c-1"); n != 1 || len(b.state(live("p")).Coverage) != 1 {
			t.Errorf("written %d times, covered %v", n, b.state(live("p")).Coverage)
		}
	}},
	{"two starts/in any order", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		first, second := Conversation("p", "c-1", earlier, Note("first"), Open()), Conversation("p", "c-1", later, Turns(2))
		judged := map[string]warehouse.Timestamp{"c-1": warehouse.TimestampOf(later)}
		var before *Dump
		for i, rows := range [][]*warehouse.Rows{{first}, {second}, {first}, {second, first}, {first, second}} {
			for _, r := range rows { // in two batches, then in one
				st := b.next(live("p"))
				st.Judged = judged
				b.stage(st, r)
				b.publish(st)
			}
			st := b.next(live("p"))
			st.Judged = judged
			b.stage(st, rows...)
			b.publish(st)
			switch d := dump(t, s); {
			case i == 1:
				d.stored(t, second)
				before = d
			case i > 1:
				sameContent(t, before, d)
			}
		}
		queue(t, b)
	}},
	{"two starts/in one window", func(t testing.TB, s Subject) {
		first, second := Conversation("p", "c-1", earlier, Note("first")), Conversation("p", "c-1", later)
		want := load.OtherStart{ID: "c-1", Stored: warehouse.TimestampOf(later), Answered: warehouse.TimestampOf(earlier)}
		for i, batches := range [][][]*warehouse.Rows{{{first, second}}, {{second, first}}, {{second}, {first}}} {
			b := begin(t, s, i+1, "p")
			st := b.next(live("p"))
			for _, rows := range batches {
				b.stage(st, rows...)
			}
			refused(b, st, want)
			st.Judged = map[string]warehouse.Timestamp{"c-1": want.Stored}
			b.publish(st)
			d := dump(t, s)
			d.count(t, 1)
			d.stored(t, second)
			b.end()
		}
	}},
	{"two starts/rewritten", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		second := Conversation("p", "c-1", later)
		b.load(second)
		b.rewrite = true
		st := b.next(live("p"))
		st.Judged = map[string]warehouse.Timestamp{"c-1": warehouse.TimestampOf(later)}
		b.stage(st, Conversation("p", "c-1", earlier, Note("first")))
		b.publish(st)
		d := dump(t, s)
		d.count(t, 1)
		d.stored(t, second)
	}},
	{"moved/in the same window", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		st := b.next(live("p"))
		moved := Conversation("p", "c-1", earlier, Note("moved"))
		b.stage(st, Conversation("p", "c-1", later))
		b.stage(st, moved)
		b.publish(st)
		d := dump(t, s)
		d.count(t, 1)
		d.stored(t, moved)
	}},
	{"moved/from another place", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		stored := Conversation("p", "c-1", later)
		b.load(stored)
		for _, left := range []load.Place{{Environment: Live, StartedAt: 1}, {Environment: Sandbox, StartedAt: stored.Conversation.StartedAt}} {
			st := b.next(live("p"))
			b.stageMoved(st, map[string]load.Place{"c-1": left}, Conversation("p", "c-1", earlier))
			refused(b, st, load.OtherStart{ID: "c-1", Stored: stored.Conversation.StartedAt, Answered: warehouse.TimestampOf(earlier)})
			if _, err := b.writer.Abandon(t.Context(), st.ID); err != nil {
				t.Fatal(err)
			}
		}
		d := dump(t, s)
		d.count(t, 1)
		d.stored(t, stored)
	}},
	{"moved/to another environment", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		stored := Conversation("p", "c-1", later, Open())
		b.load(stored)
		before := dump(t, s)
		st := b.next(load.Feed{ProjectID: "p", Environment: Sandbox})
		moved := Conversation("p", "c-1", earlier, In(Sandbox), Open())
		b.stageMoved(st, map[string]load.Place{"c-1": load.PlaceOf(&stored.Conversation)}, moved)
		counted(t, b.publish(st), 0, 1, 0)
		replaced(t, before, dump(t, s), moved, "run-0001")
		if here, there := b.state(live("p")).Open, b.state(st.Feed).Open; len(here) != 0 || len(there) != 1 {
			t.Errorf("open: %v in %s, %v in %s", here, Live, there, Sandbox)
		}
	}},
	{"moved/from what is missing", func(t testing.TB, s Subject) {
		for _, in := range []string{Live, Sandbox} {
			b := begin(t, s, len(in), "p")
			id := "c-" + in
			stored := Conversation("p", id, later)
			b.load(stored)
			b.miss(live("p"), load.Key{ID: id, StartedAt: stored.Conversation.StartedAt})
			before := dump(t, s)
			moved := Conversation("p", id, earlier, In(in))
			st := b.next(load.Feed{ProjectID: "p", Environment: in})
			b.stage(st, moved)
			counts, err := b.writer.Publish(t.Context(), st)
			if err != nil {
				t.Fatalf("Publish: %v", err)
			}
			counted(t, counts, 0, 1, 0)
			replaced(t, before, dump(t, s), moved, b.owner.RunID)
			b.end()
		}
	}},
}

// refused publishes a window, and checks that its starts need a judgment.
func refused(b *session, st *load.Window, want load.OtherStart) {
	b.Helper()
	_, err := b.writer.Publish(b.Context(), st)
	var e *load.EarlierStartsError
	if !errors.As(err, &e) || !slices.Contains(e.Earlier, want) || len(e.Earlier) != 1 {
		b.Fatalf("Publish: %v, want an error with %+v", err, want)
	}
}
