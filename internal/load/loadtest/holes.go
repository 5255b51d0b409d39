package loadtest

import (
	"slices"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// holeChecks are about seconds that the source fails to return.
var holeChecks = []check{
	{"holes/stored exactly", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		one, two := hole(live("p"), 5), hole(live("p"), 3)
		punch(b, live("p"), two, one)
		hasHoles(t, b, live("p"), two, one)
		b.end()

		b = begin(t, s, 2, "p")
		hasHoles(t, b, live("p"), two, one)
		one.Tries, one.Reason, one.LastTriedAt, one.NextTryAt = 7, `it said "no", é`, at(8), at(40)
		punch(b, live("p"), one)
		hasHoles(t, b, live("p"), one)
		punch(b, live("p"))
		hasHoles(t, b, live("p"))
	}},
	{"holes/nil keeps the stored ones", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		one := hole(live("p"), 5)
		punch(b, live("p"), one)
		b.load(Conversation("p", "c-1", Noon))
		cover(b, live("p"), at(5), span(0, 5))
		hasHoles(t, b, live("p"), one)
	}},
	{"holes/per feed", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p", "q")
		sandbox := load.Feed{ProjectID: "p", Environment: Sandbox}
		feeds := []load.Feed{live("p"), sandbox, live("q")}
		for i, f := range feeds {
			punch(b, f, hole(f, 5), hole(f, 6+i))
		}
		punch(b, live("p"))
		hasHoles(t, b, live("p"))
		for i, f := range feeds[1:] {
			hasHoles(t, b, f, hole(f, 5), hole(f, 7+i))
		}
	}},
	{"holes/with their window", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		r := Conversation("p", "c-1", Noon)
		st := b.next(live("p"))
		st.Coverage, st.Watermark, st.Holes = []load.Range{span(0, 5)}, at(5), []warehouse.Hole{hole(live("p"), 5)}
		b.stage(st, r)
		if got := b.state(live("p")).Holes; len(got) > 0 {
			t.Errorf("holes are stored before their window is published: %+v", got)
		}
		b.publish(st)
		b.close() // as if it was killed
		dump(t, s).stored(t, r)
		b = begin(t, s, 2, "p")
		hasState(t, b, live("p"), at(5), span(0, 5))
		hasHoles(t, b, live("p"), st.Holes...)
	}},
}

// hole makes a hole of a feed, so many days after Noon.
func hole(f load.Feed, day int) warehouse.Hole {
	second := warehouse.Timestamp(time.Second.Microseconds())
	return warehouse.Hole{
		ProjectID:   f.ProjectID,
		Environment: f.Environment,
		From:        at(day),
		Until:       at(day) + second,
		Reason:      "answered 500",
		FirstSeenAt: at(20) + 1,
		LastTriedAt: at(21) + 2,
		Tries:       3,
		NextTryAt:   at(22),
	}
}

// punch publishes a window that stores holes.
func punch(b *session, f load.Feed, holes ...warehouse.Hole) {
	b.Helper()
	st := b.next(f)
	st.Holes = append([]warehouse.Hole{}, holes...)
	counted(b, b.publish(st), 0, 0, 0)
}

// hasHoles checks the holes of a feed, in the state and in the table.
func hasHoles(t testing.TB, b *session, f load.Feed, want ...warehouse.Hole) {
	t.Helper()
	if got := b.state(f).Holes; !slices.Equal(got, want) {
		t.Errorf("holes of %+v are %+v, want %+v", f, got, want)
	}
	var rows []warehouse.Hole
	for _, h := range dump(t, b.subject).Holes {
		if h.ProjectID == f.ProjectID && h.Environment == f.Environment {
			rows = append(rows, h)
		}
	}
	if !slices.Equal(rows, want) {
		t.Errorf("holes of %+v are stored as %+v, want %+v", f, rows, want)
	}
}
