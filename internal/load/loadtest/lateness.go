package loadtest

import (
	"maps"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// latenessChecks are about how late conversations were read. They use the time in
// each row, since a loader may use any clock.
var latenessChecks = []check{
	{"lateness/only history", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		counts := b.load(Conversation("p", "c-1", Noon))
		counts.Add(b.load(Conversation("p", "c-1", Noon, Note("was read"))))
		if len(counts.Lateness) != 0 {
			t.Errorf("counted %v, want nothing", counts.Lateness)
		}
		late(t, b, live("p"), nil)
	}},
	{"lateness/before the first read", func(t testing.TB, s Subject) {
		b := lateSession(t, s, 1)
		b.liveSince = warehouse.TimestampOf(Noon)
		var old, young = Conversation("p", "old", Noon.Add(-time.Microsecond)), Conversation("p", "young", Noon)
		got := b.lateness(t, old, young)
		want := map[load.LatenessKey]int64{}
		b.expect(t, want, young, nil)
		late(t, b, live("p"), want)
		if n := sum(got, load.LateArrival); n != 1 {
			t.Errorf("counted %d arrivals, want the one that started when the feed was first read", n)
		}
	}},
	{"lateness/three measures", func(t testing.TB, s Subject) {
		b := lateSession(t, s, 1)
		want, start := map[load.LatenessKey]int64{}, b.started(3*24*time.Hour)
		var stored *warehouse.Rows
		for i, step := range []struct {
			options                []Option
			arrivals, ends, change int64
		}{
			{[]Option{Open(), Turns(1)}, 1, 0, 0},
			{[]Option{Open(), Turns(2)}, 0, 0, 0},
			{nil, 0, 1, 0},
			{nil, 0, 0, 0}, // unchanged
			{[]Option{Note("was read")}, 0, 0, 1},
			{[]Option{Note("was read again"), Hidden(warehouse.Some(int64(3)))}, 0, 0, 1},
		} {
			r := Conversation("p", "c-1", start, step.options...)
			got := b.lateness(t, r)
			after := dump(t, s).of("c-1")
			if stored == nil || stored.Conversation.ContentHash != after.Conversation.ContentHash {
				b.expect(t, want, after, stored)
			}
			stored = after
			arrivals, ends, changes := sum(got, load.LateArrival), sum(got, load.LateFinal), sum(got, load.LateChange)
			if arrivals != step.arrivals || ends != step.ends || changes != step.change {
				t.Errorf("step %d counted %v", i, got)
			}
			late(t, b, live("p"), want)
		}
	}},
	{"lateness/adds up", func(t testing.TB, s Subject) {
		want := map[load.LatenessKey]int64{}
		for run := range 3 {
			b := lateSession(t, s, run+1)
			late(t, b, live("p"), want) // as the run before left it
			for i := range 2 {
				st := b.next(live("p"))
				var rows []*warehouse.Rows
				for j, ago := range []time.Duration{50 * time.Minute, 5 * time.Hour, 5 * time.Hour, 40 * 24 * time.Hour} {
					r := Conversation("p", string(rune('a'+run))+string(rune('a'+i))+string(rune('a'+j)), b.started(ago))
					rows = append(rows, r)
					b.stage(st, r)
				}
				counts := b.publish(st)
				if n := sum(counts.Lateness, load.LateArrival); n != int64(len(rows)) {
					t.Errorf("a window counted %d arrivals, want %d", n, len(rows))
				}
				for _, r := range rows {
					b.expect(t, want, r, nil)
				}
				late(t, b, live("p"), want)
			}
			b.end()
		}
	}},
	{"lateness/per feed", func(t testing.TB, s Subject) {
		b := lateSession(t, s, 1)
		sandbox := load.Feed{ProjectID: "p", Environment: Sandbox}
		one, two := Conversation("p", "c-1", b.started(time.Hour)), Conversation("p", "c-2", b.started(time.Hour), In(Sandbox))
		b.lateness(t, one)
		b.lateness(t, two)
		for feed, r := range map[load.Feed]*warehouse.Rows{live("p"): one, sandbox: two} {
			want := map[load.LatenessKey]int64{}
			b.expect(t, want, r, nil)
			late(t, b, feed, want)
		}
		late(t, b, live("q"), nil)
	}},
	{"lateness/abandoned window", func(t testing.TB, s Subject) {
		b := lateSession(t, s, 1)
		r := Conversation("p", "c-1", b.started(time.Hour))
		st := b.next(live("p"))
		b.stage(st, r)
		counts, err := b.writer.Abandon(t.Context(), st.ID)
		if err != nil {
			t.Fatalf("Abandon: %v", err)
		}
		late(t, b, live("p"), counts.Lateness)
		again := b.load(r)
		counts.Add(again)
		want := map[load.LatenessKey]int64{}
		b.expect(t, want, r, nil)
		if !maps.Equal(counts.Lateness, want) {
			t.Errorf("counted %v in both, want %v", counts.Lateness, want)
		}
		late(t, b, live("p"), want)
	}},
	{"lateness/missing and listed again", func(t testing.TB, s Subject) {
		b := lateSession(t, s, 1)
		r := Conversation("p", "c-1", b.started(time.Hour))
		b.lateness(t, r)
		want := map[load.LatenessKey]int64{}
		b.expect(t, want, r, nil)
		counts := b.miss(live("p"), keyOf(r))
		counts.Add(b.load(r))
		late(t, b, live("p"), want)
		counts.Add(b.drop(live("p"), keyOf(r)))
		late(t, b, live("p"), want)
		if len(counts.Lateness) != 0 {
			t.Errorf("counted %v, want nothing", counts.Lateness)
		}
	}},
}

// lateSession begins a run on a feed that was first read long ago.
func lateSession(t testing.TB, s Subject, run int) *session {
	t.Helper()
	b := begin(t, s, run, "p")
	b.now = warehouse.TimestampOf(time.Now())
	b.liveSince = 1
	return b
}

// started returns the start so long ago, by the clock of the session.
func (b *session) started(ago time.Duration) time.Time { return b.now.Time().Add(-ago) }

// lateness loads conversations and returns what was counted.
func (b *session) lateness(t testing.TB, rows ...*warehouse.Rows) map[load.LatenessKey]int64 {
	t.Helper()
	return b.load(rows...).Lateness
}

// expect adds what has to be counted for a conversation that replaced old.
func (b *session) expect(t testing.TB, want map[load.LatenessKey]int64, r, old *warehouse.Rows) {
	t.Helper()
	got := dump(t, b.subject).Conversations[[2]string{r.Conversation.ProjectID, r.Conversation.ConversationID}]
	if got == nil {
		t.Fatalf("conversation %q is not stored", r.Conversation.ConversationID)
	}
	var c load.Counts
	load.Observe(&c, got, old, got.Conversation.UpdatedAt, b.liveSince)
	for key, n := range c.Lateness {
		want[key] += n
	}
}

// late checks the buckets of a feed, in the table and in the summary.
func late(t testing.TB, b *session, feed load.Feed, want map[load.LatenessKey]int64) {
	t.Helper()
	var rows []warehouse.Lateness
	for key, n := range want {
		rows = append(rows, warehouse.Lateness{
			ProjectID:    feed.ProjectID,
			Environment:  feed.Environment,
			Measure:      key.Measure,
			UpperSeconds: key.UpperSeconds,
			Count:        n,
		})
	}
	sums, err := b.dest.Summary(t.Context(), []load.Feed{feed})
	if err != nil {
		t.Fatalf("Summary: %v", err)
	}
	sameSet(t, "lateness in the summary", sums[feed].Lateness, rows)
	sameSet(t, "lateness", latenessOf(dump(t, b.subject).Lateness, feed), rows)
}

func latenessOf(all []warehouse.Lateness, feed load.Feed) (of []warehouse.Lateness) {
	for _, l := range all {
		if l.ProjectID == feed.ProjectID && l.Environment == feed.Environment {
			of = append(of, l)
		}
	}
	return of
}

// sum returns the count of a measure.
func sum(counted map[load.LatenessKey]int64, measure string) (n int64) {
	for key, count := range counted {
		if key.Measure == measure {
			n += count
		}
	}
	return n
}
