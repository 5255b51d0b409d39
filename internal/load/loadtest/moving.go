package loadtest

import (
	"testing"
	"time"

	"convsync/internal/warehouse"
)

// movingChecks are about conversations whose start is corrected, and about audio
// references, which survive every change.
var movingChecks = []check{
	{"moved/to another second", func(t testing.TB, s Subject) { move(t, s, Noon.Add(time.Second)) }},
	{"moved/to another day", func(t testing.TB, s Subject) { move(t, s, Noon.AddDate(0, 0, 1)) }},
	{"moved/to another month", func(t testing.TB, s Subject) { move(t, s, Noon.AddDate(0, -2, 0)) }},
	{"moved/to another year", func(t testing.TB, s Subject) { move(t, s, Noon.AddDate(30, 0, 0)) }},
	{"moved/others unchanged", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		before := Conversation("p", "before", Noon.Add(-time.Minute))
		after := Conversation("p", "after", Noon.Add(time.Minute))
		there := Conversation("p", "there", Noon.AddDate(0, 0, 1))
		b.load(before, Conversation("p", "c-1", Noon), after, there)
		moved := Conversation("p", "c-1", Noon.AddDate(0, 0, 1))
		counted(t, b.load(moved), 0, 1, 0)
		d := dump(t, s)
		d.count(t, 4)
		for _, want := range []*warehouse.Rows{before, after, there, moved} {
			d.stored(t, want)
		}
	}},
	{"moved/whole day", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		b.load(Conversation("p", "c-1", Noon), Conversation("p", "c-2", Noon))
		one := Conversation("p", "c-1", Noon.AddDate(0, 0, -1))
		two := Conversation("p", "c-2", Noon.AddDate(0, 1, 0))
		b.load(one, two)
		d := dump(t, s)
		d.count(t, 2)
		d.stored(t, one)
		d.stored(t, two)
	}},
	{"moved/kept turns", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		b.load(Conversation("p", "c-1", Noon))
		moved := Noon.AddDate(0, 0, 3)
		b.load(Conversation("p", "c-1", moved, Hidden(warehouse.Some(int64(3))), NoMetrics("{}")))
		dump(t, s).stored(t, kept(Conversation("p", "c-1", moved)))
	}},
	{"audio/survives every change", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		recording := Conversation("p", "c-1", Noon).Audio
		for i, o := range []Option{Note("one"), Turns(0), Hidden(warehouse.Some(int64(3))), Note("two")} {
			r := Conversation("p", "c-1", Noon, o)
			if i%2 == 1 {
				r.Audio = nil // not asked for in this run
			}
			b.load(r)
			got := Clone(dump(t, s).Conversations[[2]string{"p", "c-1"}])
			want := Clone(got)
			want.Audio = recording
			if diff := Diff(want, got); diff != "" {
				t.Errorf("after change %d: %s", i, diff)
			}
		}
	}},
	{"audio/second recording", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		b.load(Conversation("p", "c-1", Noon))
		unredacted := warehouse.AudioReference{Direction: "combined", Redacted: false, Availability: warehouse.AudioUnknown}
		redacted := warehouse.AudioReference{Direction: "combined", Redacted: true, Availability: warehouse.AudioMissing}
		b.load(Conversation("p", "c-1", Noon, Note("was read"), func(r *warehouse.Rows) {
			r.Audio = []warehouse.AudioReference{redacted, unredacted}
		}))
		dump(t, s).stored(t, Conversation("p", "c-1", Noon, Note("was read"), func(r *warehouse.Rows) {
			r.Audio = append(r.Audio, redacted)
		}))
	}},
}

// move moves a conversation to another start and back.
func move(t testing.TB, s Subject, to time.Time) {
	t.Helper()
	b := begin(t, s, 1, "p")
	here, there := Conversation("p", "c-1", Noon), Conversation("p", "c-1", to)
	b.load(here)
	first := dump(t, s)
	counted(t, b.load(there), 0, 1, 0)
	second := dump(t, s)
	replaced(t, first, second, there, "run-0001")
	b.end()
	b = begin(t, s, 2, "p")
	counted(t, b.load(there), 0, 0, 1)
	counted(t, b.load(here), 0, 1, 0)
	replaced(t, second, dump(t, s), here, "run-0002")
}
