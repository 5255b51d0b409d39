package loadtest

import (
	"maps"
	"slices"
	"testing"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// identityChecks are about ids that the source returns several times.
var identityChecks = []check{
	{"same id/two projects", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p", "q")
		one, two := Conversation("p", "c-1", Noon), Conversation("q", "c-1", Noon, Note("another"))
		b.load(one)
		counted(t, b.load(two), 1, 0, 0)
		changed := Conversation("q", "c-1", Noon.AddDate(0, 0, 1), Note("moved"))
		b.load(changed)
		d := dump(t, s)
		d.count(t, 2)
		d.stored(t, one)
		d.stored(t, changed)
	}},
	{"same id/first environment wins", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		b.load(Conversation("p", "c-1", Noon, In(Sandbox), Open()))
		before := dump(t, s)
		first := Conversation("p", "c-1", Noon.AddDate(0, 0, 1), Note("live"))
		counted(t, b.load(first), 0, 1, 0)
		queue(t, b)
		replaced(t, before, dump(t, s), first, "run-0001")
	}},
	{"same id/later environment loses", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		b.load(Conversation("p", "c-1", Noon))
		before := dump(t, s)
		counts := b.load(Conversation("p", "c-1", Noon.AddDate(0, 0, 1), In(Sandbox), Open(), Note("sandbox")))
		if counts.Inserted != 0 || counts.Updated != 0 {
			t.Errorf("counted %+v", counts)
		}
		queue(t, b)
		sameContent(t, before, dump(t, s))
	}},
	{"same id/counted as drift", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p", "q")
		elsewhere := load.Feed{ProjectID: "p", Environment: Sandbox}
		want := map[load.Feed]warehouse.Drift{}
		see := func(feed load.Feed, drifts int64, rows ...*warehouse.Rows) {
			st := b.next(feed)
			b.stage(st, rows...)
			if counts := b.publish(st); counts.Elsewhere != drifts {
				t.Errorf("counted %d of another environment, want %d", counts.Elsewhere, drifts)
			}
			if drifts > 0 {
				row, found := want[feed]
				if !found {
					row = warehouse.Drift{
						ProjectID:      feed.ProjectID,
						Environment:    feed.Environment,
						Path:           "environment",
						Kind:           load.DriftTwoEnvironments,
						JSONType:       "string",
						MaxLengthBytes: int64(len(feed.Environment) + 2),
						FirstSeenAt:    st.At,
					}
				}
				row.Count, row.LastSeenAt = row.Count+drifts, st.At
				want[feed] = row
			}
		}
		see(elsewhere, 0, Conversation("p", "c-1", Noon, In(Sandbox)), Conversation("p", "c-2", Noon, In(Sandbox)))
		see(live("q"), 0, Conversation("q", "c-1", Noon))
		see(live("p"), 2, Conversation("p", "c-1", Noon), Conversation("p", "c-2", Noon), Conversation("p", "c-3", Noon))
		see(live("p"), 0, Conversation("p", "c-1", Noon))
		see(elsewhere, 1, Conversation("p", "c-1", Noon, In(Sandbox)), Conversation("p", "c-4", Noon, In(Sandbox)))
		b.end()
		b = begin(t, s, 2, "p", "q")
		see(elsewhere, 2, Conversation("p", "c-1", Noon, In(Sandbox)), Conversation("p", "c-2", Noon, In(Sandbox), Note("changed")))
		sameSet(t, "drift", dump(t, s).Drift, slices.Collect(maps.Values(want)))
	}},
	{"same id/environments read at once", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		want := Conversation("p", "c-1", Noon, Note("live"))
		one, two := b.next(live("p")), b.next(load.Feed{ProjectID: "p", Environment: Sandbox})
		b.stage(two, Conversation("p", "c-1", Noon, In(Sandbox)))
		b.stage(one, want)
		b.publish(one)
		b.publish(two)
		d := dump(t, s)
		d.count(t, 1)
		d.stored(t, want)
	}},
	{"same id/twice in a batch", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		last := Conversation("p", "c-1", Noon, Note("last"))
		counts := b.load(Conversation("p", "c-1", Noon, Note("first"), Turns(5)), Conversation("p", "c-2", Noon), last)
		counted(t, counts, 2, 0, 1)
		d := dump(t, s)
		d.count(t, 2)
		d.stored(t, last)
	}},
	{"same id/twice in a window", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		st := b.next(live("p"))
		last := Conversation("p", "c-1", Noon, Note("last"), Turns(1))
		b.stage(st, Conversation("p", "c-1", Noon, Turns(5)))
		b.stage(st, last)
		if counts := b.publish(st); counts.Inserted != 1 || counts.Updated+counts.Unchanged != 1 {
			t.Errorf("counted %+v, want 1 inserted, and the other one counted", counts)
		}
		d := dump(t, s)
		d.count(t, 1)
		d.stored(t, last)
	}},
	{"same id/open and ended", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		ended := Conversation("p", "c-1", Noon)
		b.load(ended, Conversation("p", "c-1", Noon, Open(), Turns(1)))
		dump(t, s).stored(t, ended)
		queue(t, b)
	}},
	{"same id/several batches and windows", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		r := Conversation("p", "c-1", Noon)
		one, two := b.next(live("p")), b.next(live("p"))
		b.stage(one, r)
		b.stage(two, r)
		b.stage(one, r)
		counts := b.publish(one)
		counts.Add(b.publish(two))
		counted(t, counts, 1, 0, 2)
		d := dump(t, s)
		d.count(t, 1)
		d.stored(t, r)
		if n := d.upserts("c-1"); n != 1 {
			t.Errorf("%d changes, want 1", n)
		}
	}},
	{"same id/concurrent windows", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		here, there := Conversation("p", "c-1", Noon, Turns(4)), Conversation("p", "c-1", Noon.AddDate(0, 1, 0), Note("moved"))
		one, two := b.next(live("p")), b.next(live("p"))
		b.stage(one, here)
		b.stage(two, there)
		b.publish(two)
		b.publish(one)
		d := dump(t, s)
		d.count(t, 1)
		if got := d.Conversations[[2]string{"p", "c-1"}]; Diff(here, got, LoaderSet...) != "" {
			d.stored(t, there)
		}
	}},
	{"window with other days", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		rows := []*warehouse.Rows{Conversation("p", "far", Noon.AddDate(-1, 0, 0))}
		for _, id := range []string{"a", "B", "b", "A", "ä", " ", "a "} {
			rows = append(rows, Conversation("p", id, Noon))
		}
		b.load(rows...)
		d := dump(t, s)
		d.count(t, len(rows))
		for _, r := range rows {
			d.stored(t, r)
		}
	}},
}
