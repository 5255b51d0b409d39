package loadtest

import (
	"fmt"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// Sized is a [Subject] that reports its size on disk.
type Sized interface {
	// Size returns the number of files and their bytes.
	Size(t testing.TB) (files int, bytes int64)
}

// retentionChecks are about expiry.
var retentionChecks = []check{
	{"retention/ten years", tenYears},
	{"retention/no answer", func(t testing.TB, s Subject) {
		first := begin(t, s, 1, "p")
		first.load(Conversation("p", "c-1", Noon))
		first.rejects(live("p"), "x", "c-2")
		first.end()
		before := dump(t, s)
		later := begin(t, s, 4000, "p")
		row := later.row()
		row.SourceAt = warehouse.Null[warehouse.Timestamp]{}
		if err := later.writer.Finish(t.Context(), &row); err != nil {
			t.Fatalf("Finish: %v", err)
		}
		later.close()
		after := dump(t, s)
		if len(after.Changes) != len(before.Changes) || len(after.Rejects) != 1 || len(after.Runs) != 2 {
			t.Errorf("the local clock alone expired rows: %d changes, %d rejects and %d runs remain", len(after.Changes), len(after.Rejects), len(after.Runs))
		}
	}},
	{"retention/rejects of erased conversations", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		erased := Conversation("p", "c-1", Noon)
		b.rejects(live("p"), "x", "c-1")
		kept := b.rejects(live("p"), "y", "c-2")
		b.end()
		s.Inflict(t, DamageTombstone, erased)
		b = begin(t, s, 5, "p")
		b.rejects(live("p"), "z", "c-1")
		b.end()
		sameSet(t, "rejects", dump(t, s).Rejects, kept)
	}},
}

const (
	year = 365
	// runEvery is the number of days between two simulated runs.
	runEvery = 45
)

// wrongClocks maps the day of a run to the error of a clock in days.
var wrongClocks = map[int]struct{ local, source int }{
	2 * year / runEvery * runEvery: {local: 20 * year},
	4 * year / runEvery * runEvery: {local: -20 * year},
	6 * year / runEvery * runEvery: {source: 20 * year},
	8 * year / runEvery * runEvery: {source: -20 * year},
}

// tenYears checks that nothing grows without bound in ten simulated years, and
// that nothing expires early, though single runs have a wrong clock.
func tenYears(t testing.TB, s Subject) {
	var files int
	var bytes int64
	for day := runEvery; day < 10*year; day += runEvery {
		simulateRun(t, s, day)
		if wrong := wrongClocks[day]; wrong.local != 0 || wrong.source != 0 {
			bounded(t, s, fmt.Sprintf("day %d, clocks wrong by %+v", day, wrong), 1) // one has been added
		}
		if sized, ok := s.(Sized); ok && day == 7*year/runEvery*runEvery {
			files, bytes = sized.Size(t)
		}
	}
	bounded(t, s, "ten years", 0)
	notInFuture(t, s, warehouse.TimestampOf(Noon.AddDate(11, 0, 0)))
	if sized, ok := s.(Sized); ok {
		if n, size := sized.Size(t); n > files+2 || size > bytes*11/10 {
			t.Errorf("after ten years %d files have %d bytes, after seven %d have %d", n, size, files, bytes)
		}
	}
}

// simulateRun does a run that changes a conversation, rejects another one, finds
// drift and stores an event with an alert.
func simulateRun(t testing.TB, s Subject, day int) {
	t.Helper()
	b := begin(t, s, day, "p")
	wrong := wrongClocks[day]
	micros := func(days int) warehouse.Timestamp {
		return warehouse.Timestamp((time.Duration(days) * 24 * time.Hour).Microseconds())
	}
	b.now += micros(wrong.local)
	b.ahead = micros(wrong.local - wrong.source)
	st := b.next(live("p"))
	b.stage(st, Conversation("p", "c-1", Noon, Turns(1), Note(fmt.Sprint("day ", day))))
	st.Rejects = []warehouse.Reject{rejectOf(st, fmt.Sprint("reject-", day), fmt.Sprint("c-", day))}
	st.Drift = []warehouse.Drift{drift(st, fmt.Sprint("path-", day), 1, 1)}
	b.publish(st)
	e := Event(fmt.Sprint("e-", day), func(e *warehouse.WebhookEvent) { e.ReceivedAt, e.State = b.now, warehouse.EventIgnored })
	a := Alert(fmt.Sprint("al-", day), b.now-2, b.now-1)
	take(t, inbox(t, b.dest), true, &e, &a)
	row := b.row()
	row.StartedAt = b.now
	if err := b.writer.Finish(t.Context(), &row); err != nil {
		t.Fatalf("Finish: %v", err)
	}
	b.close()
}

// bounded checks that each table has the rows of the days that it keeps. A
// destination may keep some more, for a tenth of that time.
func bounded(t testing.TB, s Subject, when string, more int) {
	t.Helper()
	d := dump(t, s)
	for _, table := range []struct {
		name       string
		rows, days int
	}{
		{"changes", len(d.Changes), load.KeepChanges},
		{"sync_runs", len(d.Runs), load.KeepRuns},
		{"webhook_events", len(d.Events), load.KeepEvents},
		{"active_alerts", len(d.Alerts), load.KeepAlerts},
		{"rejects", len(d.Rejects), load.KeepRejects},
		{"schema_drift", len(d.Drift), load.KeepDrift},
	} {
		least, most := table.days/runEvery, table.days/runEvery+2+more
		if table.rows < least || table.rows > most {
			t.Errorf("%s: %s has %d rows, want %d to %d", when, table.name, table.rows, least, most)
		}
	}
}

// notInFuture checks that no row is dated after a time, since it would be kept
// until then.
func notInFuture(t testing.TB, s Subject, latest warehouse.Timestamp) {
	t.Helper()
	d := dump(t, s)
	for _, e := range d.Events {
		if e.ReceivedAt > latest {
			t.Errorf("event %s was received at %s", e.EventID, e.ReceivedAt.Time())
		}
	}
	for _, r := range d.Rejects {
		if r.LastSeenAt > latest || r.FirstSeenAt > latest {
			t.Errorf("reject %s was last answered at %s", r.RejectID, r.LastSeenAt.Time())
		}
	}
	for _, x := range d.Drift {
		if x.LastSeenAt > latest || x.FirstSeenAt > latest {
			t.Errorf("drift %s was last observed at %s", x.Path, x.LastSeenAt.Time())
		}
	}
	for _, a := range d.Alerts {
		if a.UpdatedAt > latest {
			t.Errorf("alert %s changed at %s", a.AlertID, a.UpdatedAt.Time())
		}
	}
}
