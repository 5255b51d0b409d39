package loadtest

import (
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// visibleAgainChecks are about data that was hidden and is visible again.
var visibleAgainChecks = []check{
	{"visible again/transcript", func(t testing.TB, s Subject) {
		on := map[string]time.Time{"a": Noon, "b": Noon.AddDate(0, 0, 1), "c": Noon.AddDate(0, 0, 2), "d": Noon.AddDate(0, 0, 3)}
		shown := func(id string, o ...Option) *warehouse.Rows { return Conversation("p", id, on[id], o...) }
		hidden := func(id string, o ...Option) *warehouse.Rows { return shown(id, append(o, hiddenTurns)...) }
		short := func(r *warehouse.Rows) { r.Conversation.NumTurns = warehouse.Some(int64(3)) }
		b := begin(t, s, 1, "p")
		checkVisibleAgain(b, []visibleStep{
			{"new ones", []*warehouse.Rows{hidden("a"), hidden("b"), shown("c"), shown("d")}, load.VisibleAgain{}},
			{"a changed one that stays hidden", []*warehouse.Rows{hidden("a", Note("was read"))}, load.VisibleAgain{}},
			{"one that is hidden after it was visible", []*warehouse.Rows{hidden("c")}, load.VisibleAgain{}},
			{"a changed one that was visible before", []*warehouse.Rows{shown("d", Note("was read"))}, load.VisibleAgain{}},
			{"a hidden one whose kept turns are still hidden", []*warehouse.Rows{hidden("c", Note("was read"))}, load.VisibleAgain{}},
			{"one visible for the first time, one in part, one again", []*warehouse.Rows{
				shown("a"), shown("b", Turns(2), short), shown("c"),
			}, load.VisibleAgain{Transcripts: 3}},
			{"unchanged ones", []*warehouse.Rows{shown("a"), shown("c")}, load.VisibleAgain{}},
			{"one with more turns", []*warehouse.Rows{shown("b")}, load.VisibleAgain{}},
		})
		if n := dump(t, s).of("b").Conversation.TurnsLoaded; n != 3 {
			t.Errorf("%d turns are stored, want 3", n)
		}
	}},
	{"visible again/transcripts of a day", func(t testing.TB, s Subject) {
		tomorrow, later, last := Noon.AddDate(0, 0, 1), Noon.AddDate(0, 0, 2), Noon.AddDate(0, 0, 3)
		day := Noon.Truncate(24 * time.Hour)
		b := begin(t, s, 1, "p")
		b.load(
			Conversation("p", "a", Noon, hiddenTurns), Conversation("p", "kept", Noon), Conversation("p", "silent", Noon, Turns(0)),
			Conversation("p", "before", day.Add(-time.Microsecond)),
			Conversation("p", "late", tomorrow, hiddenTurns), Conversation("p", "after", day.AddDate(0, 0, 1)),
			Conversation("p", "open", later, hiddenTurns, Open()), Conversation("p", "both", last, hiddenTurns, NoMetrics("{}")),
		)
		b.load(Conversation("p", "elsewhere", Noon, In(Sandbox)))
		b.load(Conversation("p", "kept", Noon, hiddenTurns))
		checkVisibleAgain(b, []visibleStep{
			{"a late one of a day with others", []*warehouse.Rows{Conversation("p", "late", tomorrow)}, load.VisibleAgain{}},
			{"an open one that ends", []*warehouse.Rows{Conversation("p", "open", later)}, load.VisibleAgain{}},
			{"a changed one without", []*warehouse.Rows{Conversation("p", "a", Noon, hiddenTurns, Note("was read"))}, load.VisibleAgain{}},
			{"one of a day with none", []*warehouse.Rows{Conversation("p", "a", Noon)}, load.VisibleAgain{Transcripts: 1}},
			{"the other one of that day", []*warehouse.Rows{Conversation("p", "kept", Noon)}, load.VisibleAgain{}},
			{"one whose metrics were hidden too", []*warehouse.Rows{Conversation("p", "both", last)}, load.VisibleAgain{Transcripts: 1, Metrics: 1}},
		})
	}},
	{"visible again/metrics of a day", func(t testing.TB, s Subject) {
		tomorrow, later := Noon.AddDate(0, 0, 1), Noon.AddDate(0, 0, 2)
		b := begin(t, s, 1, "p")
		b.load(
			Conversation("p", "a", Noon, NoMetrics("{}")), Conversation("p", "b", Noon, NoMetrics("")),
			Conversation("p", "late", tomorrow, NoMetrics("{}")), Conversation("p", "measured", tomorrow),
			Conversation("p", "open", later, NoMetrics("{}"), Open()),
		)
		checkVisibleAgain(b, []visibleStep{
			{"late ones of a day that has some", []*warehouse.Rows{Conversation("p", "late", tomorrow)}, load.VisibleAgain{}},
			{"an open one that ends", []*warehouse.Rows{Conversation("p", "open", later)}, load.VisibleAgain{}},
			{"a changed one without", []*warehouse.Rows{Conversation("p", "a", Noon, NoMetrics("{}"), Note("was read"))}, load.VisibleAgain{}},
			{"one of a day that has none", []*warehouse.Rows{Conversation("p", "a", Noon)}, load.VisibleAgain{Metrics: 1}},
			{"the other one of that day", []*warehouse.Rows{Conversation("p", "b", Noon)}, load.VisibleAgain{}},
		})
	}},
	{"visible again/until hidden days are read", func(t testing.TB, s Subject) {
		elsewhere := load.Feed{ProjectID: "p", Environment: Sandbox}
		b := begin(t, s, 1, "p")
		expect := func(when string, feed load.Feed, want bool) {
			if got := b.state(feed).VisibleAgain; got != want {
				t.Errorf("%s: visible again in %s: %v, want %v", when, feed.Environment, got, want)
			}
		}
		for _, in := range []string{"live", Sandbox} {
			b.load(Conversation("p", "c-"+in, Noon, In(in), hiddenTurns))
		}
		expect("while it is hidden", live("p"), false)
		b.load(Conversation("p", "c-live", Noon))
		expect("when it is visible", live("p"), true)
		expect("when it is visible in live", elsewhere, false)
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

// visibleStep is a load, and what it makes visible again.
type visibleStep struct {
	name string
	rows []*warehouse.Rows
	want load.VisibleAgain
}

func checkVisibleAgain(b *session, steps []visibleStep) {
	b.Helper()
	for _, step := range steps {
		if got := b.load(step.rows...).VisibleAgain; got != step.want {
			b.Errorf("%s: counted as visible again: %+v, want %+v", step.name, got, step.want)
		}
	}
}

// hiddenTurns hides the three turns that a conversation has by default.
var hiddenTurns = Hidden(warehouse.Some(int64(3)))
