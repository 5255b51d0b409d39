package loadtest

import (
	"testing"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// revealedChecks are about transcripts that were hidden and are shown.
var revealedChecks = []check{
	{"a transcript is revealed when it was hidden and is shown", func(t testing.TB, s Subject) {
		hidden := func(id string, o ...Option) *warehouse.Rows {
			return Conversation("p", id, Noon, append(o, Hidden(warehouse.Some(int64(3))))...)
		}
		short := func(r *warehouse.Rows) { r.Conversation.NumTurns = warehouse.Some(int64(3)) }
		b := begin(t, s, 1, "p")
		for _, step := range []struct {
			name string
			rows []*warehouse.Rows
			want int64
		}{
			{"new ones", []*warehouse.Rows{hidden("a"), hidden("b"), Conversation("p", "c", Noon), Conversation("p", "d", Noon)}, 0},
			{"a changed one that stays hidden", []*warehouse.Rows{hidden("a", Note("was read"))}, 0},
			{"one that is hidden after it was shown", []*warehouse.Rows{hidden("c")}, 0},
			{"a changed one that was shown before", []*warehouse.Rows{Conversation("p", "d", Noon, Note("was read"))}, 0},
			{"a hidden one whose kept turns are hidden still", []*warehouse.Rows{hidden("c", Note("was read"))}, 0},
			{"one shown for the first time, one shown in part, one shown again", []*warehouse.Rows{
				Conversation("p", "a", Noon), Conversation("p", "b", Noon, Turns(2), short), Conversation("p", "c", Noon),
			}, 3},
			{"unchanged ones", []*warehouse.Rows{Conversation("p", "a", Noon), Conversation("p", "c", Noon)}, 0},
			{"one that shows more", []*warehouse.Rows{Conversation("p", "b", Noon)}, 0},
		} {
			if got := b.load(step.rows...).Revealed; got != step.want {
				t.Errorf("%s: counted %d revealed, want %d", step.name, got, step.want)
			}
		}
		if n := dump(t, s).of("b").Conversation.TurnsLoaded; n != 3 {
			t.Errorf("%d turns are stored of what shows all three", n)
		}
	}},
	{"metrics are revealed where none of their day has any", func(t testing.TB, s Subject) {
		tomorrow, later := Noon.AddDate(0, 0, 1), Noon.AddDate(0, 0, 2)
		b := begin(t, s, 1, "p")
		b.load(
			Conversation("p", "a", Noon, NoMetrics("{}")), Conversation("p", "b", Noon, NoMetrics("")),
			Conversation("p", "late", tomorrow, NoMetrics("{}")), Conversation("p", "measured", tomorrow),
			Conversation("p", "open", later, NoMetrics("{}"), Open()),
		)
		for _, step := range []struct {
			name string
			rows []*warehouse.Rows
			want int64
		}{
			{"late ones of a day that has some", []*warehouse.Rows{Conversation("p", "late", tomorrow)}, 0},
			{"an open one that ends", []*warehouse.Rows{Conversation("p", "open", later)}, 0},
			{"a changed one without", []*warehouse.Rows{Conversation("p", "a", Noon, NoMetrics("{}"), Note("was read"))}, 0},
			{"one of a day that has none", []*warehouse.Rows{Conversation("p", "a", Noon)}, 1},
			{"the other one of that day", []*warehouse.Rows{Conversation("p", "b", Noon)}, 0},
		} {
			if got := b.load(step.rows...).Revealed; got != step.want {
				t.Errorf("%s: counted %d revealed, want %d", step.name, got, step.want)
			}
		}
	}},
	{"what is shown again is remembered until its days were read", func(t testing.TB, s Subject) {
		elsewhere := load.Feed{ProjectID: "p", Environment: Sandbox}
		b := begin(t, s, 1, "p")
		expect := func(when string, feed load.Feed, want bool) {
			if got := b.state(feed).Revealed; got != want {
				t.Errorf("%s: revealed in %s: %v, want %v", when, feed.Environment, got, want)
			}
		}
		for _, in := range []string{"live", Sandbox} {
			b.load(Conversation("p", "c-"+in, Noon, In(in), Hidden(warehouse.Some(int64(3)))))
		}
		expect("while it is hidden", live("p"), false)
		b.load(Conversation("p", "c-live", Noon))
		expect("when it is shown", live("p"), true)
		expect("when it is shown in live", elsewhere, false)
		b.load(Conversation("p", "c-"+Sandbox, Noon, In(Sandbox)))
		b.end()
		b = begin(t, s, 2, "p")
		b.publish(b.next(live("p")))
		expect("in the next run", live("p"), true)
		st := b.next(live("p"))
		st.HiddenRead = true
		b.publish(st)
		expect("when it was read", live("p"), false)
		expect("when it was read in live", elsewhere, true)
		b.end()
		dump(t, s)
	}},
}
