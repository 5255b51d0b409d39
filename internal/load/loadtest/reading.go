package loadtest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// readingChecks are about the hidden days and rejects that a destination returns.
var readingChecks = []check{
	{"hidden days/metrics", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		for i, empty := range []warehouse.JSON{"", "{}", "[]", "null"} {
			b.load(Conversation("p", "bare"+string(empty), Noon.AddDate(0, 0, i), NoMetrics(empty)))
		}
		b.load(Conversation("p", "measured", Noon.AddDate(0, 0, 1).Add(time.Hour)))
		b.load(Conversation("p", "elsewhere", Noon, In(Sandbox)))
		hiddenDays(t, b.dest, live("p"), load.Parts{Metrics: true}, Noon, Noon.AddDate(0, 0, 2), Noon.AddDate(0, 0, 3))
	}},
	{"hidden days/transcripts", func(t testing.TB, s Subject) {
		b, transcripts := begin(t, s, 1, "p"), load.Parts{Transcripts: true}
		hidden := Hidden(warehouse.Some(int64(3)))
		last := time.Date(2024, time.March, 20, 23, 59, 59, 999999000, time.UTC)
		b.load(
			Conversation("p", "shown", Noon.AddDate(0, 0, -1)), Conversation("p", "none", Noon.AddDate(0, 0, -2), Turns(0)),
			Conversation("p", "kept", Noon), Conversation("p", "hidden", Noon.AddDate(0, 0, 2), hidden),
			Conversation("p", "same day", Noon.AddDate(0, 0, 2).Add(time.Hour), hidden), Conversation("p", "late", last, hidden),
			Conversation("p", "far", Noon.AddDate(0, 3, 0), hidden),
		)
		b.load(Conversation("p", "elsewhere", Noon.AddDate(0, 0, 3), hidden, In(Sandbox)))
		b.load(Conversation("p", "kept", Noon, hidden))
		hiddenDays(t, b.dest, live("p"), transcripts, Noon, Noon.AddDate(0, 0, 2), last, Noon.AddDate(0, 3, 0))
		hiddenDays(t, b.dest, load.Feed{ProjectID: "p", Environment: Sandbox}, transcripts, Noon.AddDate(0, 0, 3))
		b.load(Conversation("p", "kept", Noon), Conversation("p", "hidden", Noon.AddDate(0, 0, 2)), Conversation("p", "far", Noon))
		hiddenDays(t, b.dest, live("p"), transcripts, Noon.AddDate(0, 0, 2), last)
	}},
	{"hidden days/requested parts", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		tomorrow, later := Noon.AddDate(0, 0, 1), Noon.AddDate(0, 0, 2)
		b.load(
			Conversation("p", "a", Noon, hiddenTurns), Conversation("p", "b", tomorrow, NoMetrics("{}")),
			Conversation("p", "c", later, hiddenTurns, NoMetrics("{}")), Conversation("p", "d", Noon.AddDate(0, 0, 3)),
		)
		hiddenDays(t, b.dest, live("p"), load.Parts{Transcripts: true}, Noon, later)
		hiddenDays(t, b.dest, live("p"), load.Parts{Metrics: true}, tomorrow, later)
		hiddenDays(t, b.dest, live("p"), load.Parts{Transcripts: true, Metrics: true}, Noon, tomorrow, later)
		hiddenDays(t, b.dest, live("p"), load.Parts{})
	}},
	{"rejects/listed per feed", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p", "q")
		feeds := []load.Feed{live("p"), live("q"), {ProjectID: "p", Environment: Sandbox}}
		want := map[load.Feed][]warehouse.Reject{}
		for i, feed := range feeds {
			st := b.next(feed)
			for n := range 3 - i {
				r := reject(st, fmt.Sprintf("reject-%d", n))
				if n == 1 {
					r.ConversationID, r.StartedAt = "c-1", warehouse.Some(warehouse.TimestampOf(Noon))
				}
				st.Rejects = append(st.Rejects, r)
			}
			want[feed] = st.Rejects
			b.publish(st)
		}
		for _, feed := range feeds {
			rejected(t, b.dest, feed, want[feed]...)
		}
		rejected(t, b.dest, load.Feed{ProjectID: "q", Environment: Sandbox})
	}},
	{"rejects/resolved while listed", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		st := b.next(live("p"))
		for n := range 20 {
			st.Rejects = append(st.Rejects, reject(st, fmt.Sprintf("reject-%d", n)))
		}
		b.publish(st)
		st = b.next(live("p"))
		err := archive(t, b.dest).Rejects(t.Context(), live("p"), func(r *warehouse.Reject) error {
			if len(st.Resolved) < 15 {
				st.Resolved = append(st.Resolved, r.RejectID)
				b.stage(st, Conversation("p", r.RejectID, Noon))
			}
			return nil
		})
		if err != nil {
			t.Fatalf("Rejects: %v", err)
		}
		counted(t, b.publish(st), 15, 0, 0)
		d := dump(t, s)
		d.count(t, 15)
		if len(d.Rejects) != 5 {
			t.Errorf("%d rejects are stored, want 5", len(d.Rejects))
		}
	}},
	{"rejects/error of the reader", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		enough := errors.New("that is enough")
		st := b.next(live("p"))
		st.Rejects = []warehouse.Reject{reject(st, "a"), reject(st, "b")}
		b.publish(st)
		calls := 0
		err := archive(t, b.dest).Rejects(t.Context(), live("p"), func(*warehouse.Reject) error { calls++; return enough })
		if !errors.Is(err, enough) || calls != 1 {
			t.Errorf("Rejects returned %v after %d rejects, want the reader's error after 1", err, calls)
		}
		b.publish(b.next(live("p")))
		rejected(t, b.dest, live("p"), st.Rejects...)
	}},
}

// hiddenDays checks the result of HiddenDays: the days of these moments.
func hiddenDays(t testing.TB, dest load.Destination, feed load.Feed, parts load.Parts, on ...time.Time) {
	t.Helper()
	got, err := archive(t, dest).HiddenDays(t.Context(), feed, parts)
	if err != nil {
		t.Fatalf("HiddenDays: %v", err)
	}
	var want []warehouse.Timestamp
	for _, moment := range on {
		want = append(want, midnight(warehouse.TimestampOf(moment)))
	}
	sameSet(t, "hidden days", got, want)
}

// midnight returns the beginning of the UTC day of a moment.
func midnight(at warehouse.Timestamp) warehouse.Timestamp {
	return warehouse.TimestampOf(at.Time().UTC().Truncate(24 * time.Hour))
}

// rejected checks which rejects of a feed are listed.
func rejected(t testing.TB, dest load.Destination, feed load.Feed, want ...warehouse.Reject) {
	t.Helper()
	var got []warehouse.Reject
	err := archive(t, dest).Rejects(t.Context(), feed, func(r *warehouse.Reject) error {
		got = append(got, *r)
		return nil
	})
	if err != nil {
		t.Fatalf("Rejects: %v", err)
	}
	sameSet(t, "rejects", got, want)
}
