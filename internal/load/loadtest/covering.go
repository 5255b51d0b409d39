package loadtest

import (
	"slices"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// coveringChecks are about coverage and watermarks, from which a run is planned.
var coveringChecks = []check{
	{"coverage/empty destination", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		hasState(t, b, live("p"), 0)
	}},
	{"coverage/stored exactly", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		cover(b, live("p"), at(5), span(0, 5), span(7, 9))
		hasState(t, b, live("p"), at(5), span(0, 5), span(7, 9))
		b.end()
		b = begin(t, s, 2, "p")
		hasState(t, b, live("p"), at(5), span(0, 5), span(7, 9))
		cover(b, live("p"), at(9), span(0, 9))
		hasState(t, b, live("p"), at(9), span(0, 9))
	}},
	{"coverage/nil keeps the stored one", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		cover(b, live("p"), at(5), span(0, 5))
		b.load(Conversation("p", "c-1", Noon))
		hasState(t, b, live("p"), at(5), span(0, 5))
	}},
	{"watermark/never moves back", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		cover(b, live("p"), at(9), span(0, 9))
		moved := b.now
		for _, w := range []warehouse.Timestamp{at(4), 0, at(9)} {
			cover(b, live("p"), w, span(0, 4))
			hasState(t, b, live("p"), at(9), span(0, 4))
		}
		for _, w := range dump(t, s).Watermarks {
			if w.UpdatedAt != moved {
				t.Errorf("the watermark is said to have moved at %d, and moved at %d", w.UpdatedAt, moved)
			}
		}
		cover(b, live("p"), 0)
		hasState(t, b, live("p"), at(9))
	}},
	{"watermark/corrected", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p", "q")
		cover(b, live("p"), at(900), span(0, 900))
		cover(b, live("q"), at(900), span(0, 900))
		for _, w := range []warehouse.Timestamp{at(4), at(6), 0, at(5)} {
			correctWatermark(b, live("p"), w)
			hasState(t, b, live("p"), w, span(0, 4))
		}
		if got := b.state(live("p")); got.WatermarkAt != b.now {
			t.Errorf("the watermark is said to have moved at %d, and moved at %d", got.WatermarkAt, b.now)
		}
		hasState(t, b, live("q"), at(900), span(0, 900))
		correctWatermark(b, load.Feed{ProjectID: "p", Environment: Sandbox}, 0) // there is none
		b.end()
		hasState(t, begin(t, s, 2, "p"), live("p"), at(5), span(0, 4))
	}},
	{"watermark/clock set back", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		cover(b, live("p"), at(5), span(0, 5))
		moved := b.now
		st := b.next(live("p"))
		st.Coverage, st.Watermark, st.At = []load.Range{span(0, 6)}, at(6), moved-1_000_000_000
		b.publish(st)
		if got := b.state(live("p")); got.Watermark != at(6) || got.WatermarkAt != moved {
			t.Errorf("the watermark is %d, moved at %d, want %d", got.Watermark, got.WatermarkAt, moved)
		}
	}},
	{"coverage/per feed", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p", "q")
		sandbox := load.Feed{ProjectID: "p", Environment: Sandbox}
		cover(b, live("p"), at(5), span(0, 5))
		cover(b, sandbox, at(3), span(2, 3))
		cover(b, live("q"), 0, span(7, 8))
		cover(b, live("p"), at(6), span(0, 6))
		hasState(t, b, live("p"), at(6), span(0, 6))
		hasState(t, b, sandbox, at(3), span(2, 3))
		hasState(t, b, live("q"), 0, span(7, 8))
		if n := len(dump(t, s).Coverage); n != 3 {
			t.Errorf("%d ranges are stored, want 3", n)
		}
	}},
	{"coverage/empty window", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		b.load(Conversation("p", "c-1", Noon))
		before := dump(t, s)
		counted(t, cover(b, live("p"), at(5), span(0, 5)), 0, 0, 0)
		sameContent(t, before, dump(t, s))
		hasState(t, b, live("p"), at(5), span(0, 5))
	}},
	{"coverage/with the rows of its window", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		one, two := Conversation("p", "c-1", Noon), Conversation("p", "c-2", Noon.AddDate(0, 0, 1))
		st := b.next(live("p"))
		st.Coverage, st.Watermark = []load.Range{span(0, 5)}, at(5)
		b.stage(st, one)
		b.stage(st, two)
		if got := b.state(live("p")); len(got.Coverage) != 0 || got.Watermark != 0 {
			t.Errorf("covered before it was published: %+v", got)
		}
		b.publish(st)
		b.close() // as if it was killed
		d := dump(t, s)
		d.stored(t, one)
		d.stored(t, two)
		hasState(t, begin(t, s, 2, "p"), live("p"), at(5), span(0, 5))
	}},
	{"coverage/abandoned window", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		base := Conversation("p", "c-1", Noon)
		b.load(base)
		cover(b, live("p"), at(5), span(0, 5))
		st := b.next(live("p"))
		changed, added := Conversation("p", "c-1", Noon, Note("was read")), Conversation("p", "c-2", Noon.AddDate(0, 2, 0))
		b.stage(st, changed, added)
		if _, err := b.writer.Abandon(t.Context(), st.ID); err != nil {
			t.Fatalf("Abandon: %v", err)
		}
		hasState(t, b, live("p"), at(5), span(0, 5))
		for key, got := range dump(t, s).Conversations { // the old or the new version, with all parts
			if Diff(base, got, LoaderSet...) != "" && Diff(changed, got, LoaderSet...) != "" && Diff(added, got, LoaderSet...) != "" {
				t.Errorf("conversation %q is neither the old nor the staged version", key[1])
			}
		}
		b.load(Conversation("p", "c-3", Noon))
		b.load(changed, added)
		b.end()
		d := dump(t, s)
		d.count(t, 3)
		d.stored(t, changed)
		d.stored(t, added)
	}},
	{"abandoned rows are not published", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		dropped, other := b.next(live("p")), b.next(live("p"))
		b.stage(dropped, Conversation("p", "c-1", Noon, Note("old")))
		b.stage(other, Conversation("p", "c-2", Noon))
		if _, err := b.writer.Abandon(t.Context(), dropped.ID); err != nil {
			t.Fatalf("Abandon: %v", err)
		}
		newer := Conversation("p", "c-1", Noon, Note("new"))
		b.load(newer)
		b.publish(other)
		d := dump(t, s)
		d.stored(t, newer)
		d.count(t, 2)
	}},
}

// at returns the time so many days after Noon.
func at(day int) warehouse.Timestamp { return warehouse.TimestampOf(Noon.AddDate(0, 0, day)) }

// span returns a covered range of days.
func span(from, until int) load.Range {
	return load.Range{From: at(from), Until: at(until), ReadAt: at(from) + warehouse.Timestamp(time.Minute.Microseconds()), Shape: Shape}
}

// cover publishes an empty window with coverage.
func cover(b *session, feed load.Feed, watermark warehouse.Timestamp, ranges ...load.Range) load.Counts {
	b.Helper()
	st := b.next(feed)
	st.Coverage, st.Watermark = append([]load.Range{}, ranges...), watermark
	return b.publish(st)
}

// correctWatermark publishes an empty window that corrects the watermark.
func correctWatermark(b *session, feed load.Feed, watermark warehouse.Timestamp) {
	b.Helper()
	st := b.next(feed)
	st.Coverage, st.Watermark, st.CorrectWatermark = []load.Range{span(0, 4)}, watermark, true
	b.publish(st)
}

// hasState checks a feed's coverage and watermark, in the state and in the tables.
func hasState(t testing.TB, b *session, feed load.Feed, watermark warehouse.Timestamp, ranges ...load.Range) {
	t.Helper()
	got := b.state(feed)
	if !slices.Equal(got.Coverage, ranges) || got.Watermark != watermark {
		t.Errorf("state of %+v is %+v until %d, want %+v until %d", feed, got.Coverage, got.Watermark, ranges, watermark)
	}
	d := dump(t, b.subject)
	var rows []load.Range
	for _, r := range d.Coverage {
		if r.ProjectID == feed.ProjectID && r.Environment == feed.Environment {
			rows = append(rows, load.Range{From: r.From, Until: r.Until, ReadAt: r.ReadAt, Shape: r.Shape})
		}
	}
	slices.SortFunc(rows, func(a, b load.Range) int { return int(a.From - b.From) })
	if !slices.Equal(rows, ranges) {
		t.Errorf("coverage of %+v is stored as %+v, want %+v", feed, rows, ranges)
	}
	var stored warehouse.Timestamp
	for _, w := range d.Watermarks {
		if w.ProjectID == feed.ProjectID && w.Environment == feed.Environment {
			stored = w.Watermark
		}
	}
	if stored != watermark {
		t.Errorf("watermark of %+v is stored as %d, want %d", feed, stored, watermark)
	}
}
