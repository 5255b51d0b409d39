package loadtest

import (
	"testing"

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
}
