package loadtest

import (
	"fmt"
	"slices"
	"testing"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// rejectChecks are about rejects, drift and their counts.
var rejectChecks = []check{
	{"rejects/stored once", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		st := b.next(live("p"))
		st.Rejects = []warehouse.Reject{reject(st, "a"), reject(st, "b")}
		first := st.Rejects
		if counts := b.publish(st); counts.NewRejects != 2 {
			t.Errorf("counted %d new rejects, want 2", counts.NewRejects)
		}
		b.end()
		b = begin(t, s, 2, "p")
		st = b.next(live("p"))
		st.Rejects = []warehouse.Reject{reject(st, "b"), reject(st, "c")}
		st.Rejects[0].Reason = "another reason"
		if counts := b.publish(st); counts.NewRejects != 1 {
			t.Errorf("counted %d new rejects, want 1", counts.NewRejects)
		}
		again := first[1]
		again.LastSeenAt, again.Reason = st.At, "another reason"
		sameSet(t, "rejects", dump(t, s).Rejects, []warehouse.Reject{first[0], again, st.Rejects[1]})
	}},
	{"rejects/two feeds", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p", "q")
		var want []warehouse.Reject
		for _, feed := range []load.Feed{live("p"), live("q"), {ProjectID: "p", Environment: Sandbox}} {
			st := b.next(feed)
			st.Rejects = []warehouse.Reject{reject(st, "a")}
			want = append(want, st.Rejects...)
			if counts := b.publish(st); counts.NewRejects != 1 {
				t.Errorf("counted %d new rejects in %+v, want 1", counts.NewRejects, feed)
			}
		}
		sameSet(t, "rejects", dump(t, s).Rejects, want)
	}},
	{"rejects/resolved", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p", "q")
		var others []warehouse.Reject
		for _, feed := range []load.Feed{live("p"), live("q"), {ProjectID: "p", Environment: Sandbox}} {
			st := b.next(feed)
			st.Rejects = []warehouse.Reject{reject(st, "b"), reject(st, "a")}
			others = append(others, st.Rejects...)
			b.publish(st)
		}
		st := b.next(live("p"))
		st.Resolved = []string{"a", "never was"}
		r := Conversation("p", "c-1", Noon)
		b.stage(st, r)
		counts := b.publish(st)
		counted(t, counts, 1, 0, 0)
		if counts.NewRejects != 0 {
			t.Errorf("counted %d new rejects, want none", counts.NewRejects)
		}
		d := dump(t, s)
		d.stored(t, r)
		left := append([]warehouse.Reject{others[0]}, others[2:]...)
		sameSet(t, "rejects", d.Rejects, left)
		b.end()

		b = begin(t, s, 2, "p", "q")
		st = b.next(live("p")) // it is rejected again
		st.Rejects = []warehouse.Reject{reject(st, "a")}
		if counts := b.publish(st); counts.NewRejects != 1 {
			t.Errorf("counted %d new rejects of one that had been resolved, want 1", counts.NewRejects)
		}
		sameSet(t, "rejects", dump(t, s).Rejects, append(left, st.Rejects...))
	}},
	{"rejects/stored exactly", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		st := b.next(live("p"))
		for i, text := range append(texts(), longTexts()...) {
			r := reject(st, string(rune('a'+i)))
			r.Payload, r.ConversationID, r.Reason = warehouse.Text(text), warehouse.Text(text[:min(len(text), 10)]), text
			if i%2 == 0 {
				r.ConversationID, r.StartedAt = "", warehouse.Some(warehouse.TimestampOf(Noon))
			}
			st.Rejects = append(st.Rejects, r)
		}
		b.publish(st)
		sameSet(t, "rejects", dump(t, s).Rejects, st.Rejects)
	}},
	{"drift/adds up", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		st := b.next(live("p"))
		one, two := drift(st, "turns[].a", 3, 100), drift(st, "b", 1, 5)
		st.Drift = []warehouse.Drift{one, two}
		b.publish(st)
		st = b.next(live("p"))
		shorter, longer := drift(st, "turns[].a", 4, 99), drift(st, "b", 1, 6)
		other := drift(st, "b", 7, 1)
		other.JSONType = "number"
		st.Drift = []warehouse.Drift{shorter, longer, other}
		b.publish(st)
		one.Count, one.LastSeenAt = 7, st.At
		two.Count, two.MaxLengthBytes, two.LastSeenAt = 2, 6, st.At
		sameSet(t, "drift", dump(t, s).Drift, []warehouse.Drift{one, two, other})
	}},
	{"drift/made-up names", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p", "q")
		made := func(st *load.Window, parent string, n int) (all []warehouse.Drift) {
			for i := range n {
				all = append(all, drift(st, fmt.Sprintf("%sname%03d", parent, i), 1, 5))
			}
			return all
		}
		st := b.next(live("p"))
		first := made(st, "", load.MaxDriftSiblings+20)
		st.Drift = first
		b.publish(st)
		b.end()

		b = begin(t, s, 2, "p", "q")
		st = b.next(live("p"))
		known, further := drift(st, "name003", 4, 5), drift(st, "turns[].zzz", 1, 5)
		st.Drift = append(made(st, "more", 30), known, further)
		b.publish(st)
		other := b.next(live("q"))
		other.Drift = []warehouse.Drift{drift(other, "zzz", 1, 5)}
		b.publish(other)

		want := append(slices.Clone(first[:load.MaxDriftSiblings]), first[0], further, other.Drift[0])
		want[3].Count, want[3].LastSeenAt = 5, st.At
		rest := &want[load.MaxDriftSiblings]
		rest.Path, rest.Count, rest.LastSeenAt = load.OtherDrift, 20+30, st.At
		sameSet(t, "drift", dump(t, s).Drift, want)
	}},
	{"drift/bounded number of paths", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		st := b.next(live("p"))
		for parent := range 10 {
			for name := range 40 {
				st.Drift = append(st.Drift, drift(st, fmt.Sprintf("%c[].name%d", 'a'+parent, name), 1, 5))
			}
		}
		b.publish(st)
		var total int64
		got := dump(t, s).Drift
		for _, d := range got {
			total += d.Count
		}
		if len(got) != load.MaxDriftPaths+5 || total != 400 {
			t.Errorf("stored %d rows with a count of %d, want %d rows with 400", len(got), total, load.MaxDriftPaths+5)
		}
	}},
	{"summary per feed", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p", "q")
		b.load(Conversation("p", "a", Noon), Conversation("p", "b", Noon.AddDate(0, 0, 2), Hidden(warehouse.Some(int64(3)))), Conversation("p", "c", Noon))
		b.load(Conversation("p", "c", Noon, Hidden(warehouse.Some(int64(3)))))
		b.load(Conversation("p", "s", Noon.AddDate(1, 0, 0), In(Sandbox)))
		b.load(Conversation("q", "a", Noon))
		st := b.next(live("p"))
		st.Rejects = []warehouse.Reject{reject(st, "a")}
		z, a := drift(st, "z", 1, 1), drift(st, "a", 2, 2)
		st.Drift = []warehouse.Drift{z, a}
		b.publish(st)
		empty := load.Feed{ProjectID: "q", Environment: Sandbox}
		got, err := b.dest.Summary(t.Context(), []load.Feed{live("p"), empty})
		if err != nil {
			t.Fatalf("Summary: %v", err)
		}
		p := got[live("p")]
		if p.Conversations != 3 || p.Hidden != 2 || p.Rejects != 1 || p.Newest != warehouse.TimestampOf(Noon.AddDate(0, 0, 2)) {
			t.Errorf("summary is %+v, want 3 conversations, 2 hidden, 1 reject, the newest two days after noon", p)
		}
		if len(p.Drift) != 2 || p.Drift[0] != a || p.Drift[1] != z {
			t.Errorf("drift is %+v, want it by path", p.Drift)
		}
		if e := got[empty]; e.Conversations != 0 || e.Newest != 0 || e.Rejects != 0 || len(e.Drift) != 0 {
			t.Errorf("summary of a feed without anything is %+v", e)
		}
	}},
}

// reject makes a reject of the window.
func reject(st *load.Window, id string) warehouse.Reject {
	return warehouse.Reject{
		ProjectID:   st.Feed.ProjectID,
		Environment: st.Feed.Environment,
		RejectID:    id,
		Reason:      "it has no id",
		Payload:     warehouse.Text(`{"who":"Ada Example"}`),
		FirstSeenAt: st.At,
		LastSeenAt:  st.At,
		RunID:       st.RunID,
	}
}

// drift makes drift that was observed n times in the window.
func drift(st *load.Window, path string, n, length int64) warehouse.Drift {
	return warehouse.Drift{
		ProjectID:      st.Feed.ProjectID,
		Environment:    st.Feed.Environment,
		Path:           path,
		Kind:           "unknown field",
		JSONType:       "string",
		MaxLengthBytes: length,
		FirstSeenAt:    st.At,
		LastSeenAt:     st.At,
		Count:          n,
	}
}

// sameSet compares rows in any order.
func sameSet[R comparable](t testing.TB, what string, got, want []R) {
	t.Helper()
	left := map[R]int{}
	for _, r := range got {
		left[r]++
	}
	for _, r := range want {
		if left[r] == 0 {
			t.Errorf("%s: %s is missing", what, show(&r))
		}
		left[r]--
	}
	for r, n := range left {
		if n > 0 {
			t.Errorf("%s: %s is stored, but should not be", what, show(&r))
		}
	}
}
