package loadtest

import (
	"testing"

	"convsync/internal/warehouse"
)

// hiddenChecks are about data that the source hides after it was visible: it must
// not be deleted.
var hiddenChecks = []check{
	{"hidden turns/kept", func(t testing.TB, s Subject) {
		hide(t, s, warehouse.Some(int64(3)))
	}},
	{"hidden turns/count is unknown", func(t testing.TB, s Subject) {
		hide(t, s, warehouse.Null[int64]{})
	}},
	{"hidden turns/count is zero", func(t testing.TB, s Subject) {
		hide(t, s, warehouse.Some(int64(0)))
	}},
	{"hidden turns/no text", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		shown := Conversation("p", "c-1", Noon)
		b.load(shown)
		before := dump(t, s)
		counted(t, b.load(Conversation("p", "c-1", Noon, noText)), 0, 1, 0)
		replaced(t, before, dump(t, s), kept(shown), "run-0001")
		again := Conversation("p", "c-1", Noon, Turns(2))
		counted(t, b.load(again), 0, 1, 0)
		dump(t, s).stored(t, again)
	}},
	{"hidden turns/other rules", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		b.load(Conversation("p", "c-1", Noon))
		before := dump(t, s)
		b.rules = masked
		hidden := Conversation("p", "c-1", Noon, Hidden(warehouse.Some(int64(3))), NoMetrics("{}"))
		counted(t, b.load(hidden), 0, 1, 0)
		replaced(t, before, dump(t, s), kept(masked(Conversation("p", "c-1", Noon))), "run-0001")
		before = dump(t, s)
		counted(t, b.load(hidden), 0, 0, 1)
		sameContent(t, before, dump(t, s))
	}},
	{"hidden turns/a rule removes their text", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		b.load(Conversation("p", "c-1", Noon))
		b.rules = func(r *warehouse.Rows) *warehouse.Rows {
			r = Clone(r)
			noText(r)
			return r
		}
		textless := Conversation("p", "c-1", Noon, Turns(2), noText)
		counted(t, b.load(textless), 0, 1, 0)
		dump(t, s).stored(t, textless)
	}},
	{"hidden entities/all", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		b.load(Conversation("p", "c-1", Noon))
		before := dump(t, s)
		counted(t, b.load(Conversation("p", "c-1", Noon, noEntities)), 0, 0, 1)
		sameContent(t, before, dump(t, s))
		counted(t, b.load(Conversation("p", "c-1", Noon, noEntities, Note("was read"))), 0, 1, 0)
		replaced(t, before, dump(t, s), Conversation("p", "c-1", Noon, Note("was read")), "run-0001")
	}},
	{"hidden entities/of turns that changed", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		b.load(Conversation("p", "c-1", Noon))
		reworded := func(r *warehouse.Rows) { r.Turns[1].UserInput = "Ada Example was misheard" }
		counted(t, b.load(Conversation("p", "c-1", Noon, Turns(2), noEntities, reworded)), 0, 1, 0)
		dump(t, s).stored(t, Conversation("p", "c-1", Noon, Turns(2), reworded, func(r *warehouse.Rows) { r.Entities = r.Entities[:3] }))
	}},
	{"hidden entities/some visible", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		b.load(Conversation("p", "c-1", Noon))
		fewer := Conversation("p", "c-1", Noon, func(r *warehouse.Rows) { r.Entities = r.Entities[3:4] })
		counted(t, b.load(fewer), 0, 1, 0)
		dump(t, s).stored(t, fewer)
	}},
	{"hidden turns/visible later", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		hidden := Conversation("p", "c-1", Noon, Hidden(warehouse.Some(int64(3))))
		b.load(hidden)
		dump(t, s).stored(t, hidden)
		shown := Conversation("p", "c-1", Noon)
		counted(t, b.load(shown), 0, 1, 0)
		dump(t, s).stored(t, shown)
	}},
	{"hidden turns/rest changes", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		b.load(Conversation("p", "c-1", Noon))
		before := dump(t, s)
		moved := Noon.Add(1234567 * 1000)
		b.load(Conversation("p", "c-1", moved, Hidden(warehouse.Some(int64(3))), Note("was read"), Metrics("1.5")))
		want := Conversation("p", "c-1", moved, Note("was read"), Metrics("1.5"))
		replaced(t, before, dump(t, s), kept(want), "run-0001")
	}},
	{"hidden metrics/kept", func(t testing.TB, s Subject) {
		for _, empty := range []warehouse.JSON{"", "{}", "[]", "null"} {
			id := "c-1" + string(empty)
			b := begin(t, s, 1, "p")
			r := Conversation("p", id, Noon)
			b.load(r)
			before := dump(t, s)
			counted(t, b.load(Conversation("p", id, Noon, NoMetrics(empty))), 0, 0, 1)
			sameContent(t, before, dump(t, s))
			changed := Conversation("p", id, Noon, NoMetrics(empty), Turns(1))
			counted(t, b.load(changed), 0, 1, 0)
			replaced(t, before, dump(t, s), Conversation("p", id, Noon, Turns(1)), "run-0001")
			b.end()
		}
	}},
	{"hidden metrics/visible again", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		b.load(Conversation("p", "c-1", Noon))
		b.load(Conversation("p", "c-1", Noon, NoMetrics("{}")))
		again := Conversation("p", "c-1", Noon, Metrics("2.0"))
		counted(t, b.load(again), 0, 1, 0)
		dump(t, s).stored(t, again)
	}},
	{"hidden metrics/never any", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		b.load(Conversation("p", "c-1", Noon, NoMetrics("")))
		r := Conversation("p", "c-1", Noon, NoMetrics("{}"))
		b.load(r)
		dump(t, s).stored(t, r)
	}},
}

// kept turns r into the stored version of a conversation whose turns are hidden now.
func kept(r *warehouse.Rows) *warehouse.Rows {
	r.Conversation.TranscriptStatus = warehouse.TranscriptHiddenKept
	r.Conversation.ContentHash = r.Hash()
	return r
}

// masked applies a rule to stored turns, entities and metrics.
func masked(r *warehouse.Rows) *warehouse.Rows {
	r = Clone(r)
	for i := range r.Turns {
		r.Turns[i].UserInput = "***"
	}
	for i := range r.Entities {
		r.Entities[i].Value = "***"
	}
	r.Conversation.Metrics = `{"score":"***"}`
	r.Metrics = r.Metrics[len(r.Metrics)-1:]
	r.Metrics[0].Value, r.Metrics[0].ValueNumber = "***", warehouse.Null[float64]{}
	return r
}

// noText removes the text of the turns, and what is derived from it.
func noText(r *warehouse.Rows) {
	r.Entities = nil
	for i := range r.Turns {
		r.Turns[i].UserInput, r.Turns[i].AgentResponse = "", ""
	}
}

// noEntities removes the entities.
func noEntities(r *warehouse.Rows) { r.Entities = nil }

// hide loads a conversation, then twice with hidden turns, then with other turns.
func hide(t testing.TB, s Subject, numTurns warehouse.Null[int64]) {
	t.Helper()
	b := begin(t, s, 1, "p")
	shown := Conversation("p", "c-1", Noon)
	b.load(shown)
	first := dump(t, s)

	want := Clone(shown)
	want.Conversation.NumTurns = numTurns
	counted(t, b.load(Conversation("p", "c-1", Noon, Hidden(numTurns))), 0, 1, 0)
	hidden := dump(t, s)
	replaced(t, first, hidden, kept(want), "run-0001")

	b.end()
	b = begin(t, s, 2, "p")
	counted(t, b.load(Conversation("p", "c-1", Noon, Hidden(numTurns))), 0, 0, 1)
	sameContent(t, hidden, dump(t, s))

	again := Conversation("p", "c-1", Noon, Turns(2))
	counted(t, b.load(again), 0, 1, 0)
	replaced(t, hidden, dump(t, s), again, "run-0002")
}
