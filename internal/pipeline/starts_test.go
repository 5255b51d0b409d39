package pipeline

import (
	"testing"
	"time"

	"convsync/internal/extract"
	"convsync/internal/warehouse"
)

var everything = []extract.Tier{{Depth: 1000 * 24 * time.Hour}}

// startsWorld returns a world whose source has a conversation on each day, in one
// environment or two.
func startsWorld(t *testing.T, parallel, environments int, atOnce bool) *world {
	t.Helper()
	w := newWorld(t, settings{
		atOnce:       atOnce,
		environments: environments,
		limit:        MissingLimit{Share: 0.1, AtLeast: 20},
		pageSize:     3,
		parallel:     parallel,
		openAge:      7 * 24 * time.Hour,
		lookback:     everything,
	})
	t.Cleanup(w.close)
	w.inEveryDay()
	return w
}

// first and second are starts on two days of the history; first is earlier.
func (w *world) first() warehouse.Timestamp {
	return warehouse.TimestampOf((w.start + aDay).Time()) + 250_000
}

func (w *world) second() warehouse.Timestamp {
	return warehouse.TimestampOf((w.start + 4*aDay).Time()) + 750_000
}

// succeeds executes a run that has to succeed.
func (w *world) succeeds(a attempt) *outcome {
	w.t.Helper()
	o := w.run(a)
	if o.err != nil || o.report.Status != warehouse.RunSucceeded {
		w.t.Fatalf("%v, %+v", o.err, o.report)
	}
	return o
}

// onBoth runs a test like with a database and like with files, with one worker and
// with several.
func onBoth(t *testing.T, test func(t *testing.T, atOnce bool, parallel int)) {
	for name, of := range map[string]struct {
		atOnce   bool
		parallel int
	}{"database": {true, 1}, "database, parallel": {true, 4}, "files": {false, 1}, "files, parallel": {false, 4}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, of.atOnce, of.parallel)
		})
	}
}

func TestTwoIDs(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, atOnce bool, parallel int) {
		w := startsWorld(t, parallel, 1, atOnce)
		w.arrive(w.first(), 3, 0, 0)
		c := w.source.conversations[len(w.source.conversations)-1]
		w.arriveTwice(c, w.second(), 2)
		day := extract.Span{From: extract.SecondOf(w.first().Time()) - 10, Until: extract.SecondOf(w.first().Time()) + 10}
		for i, a := range []attempt{{}, {}, {backfill: day}, {}} {
			w.succeeds(a)
			r := w.store.rows[c.id]
			if r.Conversation.StartedAt != w.second() || len(r.Turns) != 2 || r.Conversation.MissingSince.Valid {
				t.Fatalf("run %d: %v is stored, %d turns", i, r.Conversation.StartedAt.Time(), len(r.Turns))
			}
			if w.store.twice != 1 || i > 0 && len(w.store.written) > 0 {
				t.Errorf("run %d: counted %d times, wrote %v", i, w.store.twice, w.store.written)
			}
		}
		w.setListed(c, false)
		if w.succeeds(attempt{}); w.store.twice != 0 || w.store.rows[c.id].Conversation.StartedAt != w.second() {
			t.Errorf("counted %d times when one is listed", w.store.twice)
		}
	})
}

func TestTwoIDs_LaterGone(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, atOnce bool, parallel int) {
		w := startsWorld(t, parallel, 1, atOnce)
		w.arrive(w.first(), 3, 0, 0)
		c := w.source.conversations[len(w.source.conversations)-1]
		w.arriveTwice(c, w.second(), 2)
		w.succeeds(attempt{})
		w.setListed(w.source.conversations[len(w.source.conversations)-1], false)
		w.succeeds(attempt{})
		if r := w.store.rows[c.id]; r.Conversation.StartedAt != w.first() || r.Conversation.MissingSince.Valid || len(r.Turns) != 3 {
			t.Errorf("%v is stored, missing %t", r.Conversation.StartedAt.Time(), r.Conversation.MissingSince.Valid)
		}
	})
}

// The start moves also if only the second of the new start is read, and if the process
// is killed before the run ends.
func TestMovedEarlier(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, atOnce bool, parallel int) {
		for _, a := range []attempt{
			{}, {backfill: extract.Span{From: modelBegin, Until: modelBegin + 5*aDay}},
			{ending: ending{at: 2, dead: true}}, {ending: ending{at: 6, dead: true}}, {ending: ending{at: 9, after: true, dead: true}},
		} {
			w := startsWorld(t, parallel, 1, atOnce)
			w.arrive(w.second(), 3, 0, 0)
			c := w.source.conversations[len(w.source.conversations)-1]
			w.succeeds(attempt{})
			w.move(c, w.first())
			w.run(a)
			w.succeeds(attempt{})
			if r := w.store.rows[c.id]; r.Conversation.StartedAt != w.first() || w.store.twice != 0 {
				t.Errorf("%v is stored, counted twice %d times", r.Conversation.StartedAt.Time(), w.store.twice)
			}
		}
	})
}

// The second of the later start cannot be read.
func TestMovedEarlier_NotAsked(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, atOnce bool, parallel int) {
		w := startsWorld(t, parallel, 1, atOnce)
		w.arrive(w.second(), 3, 0, 0)
		c := w.source.conversations[len(w.source.conversations)-1]
		w.succeeds(attempt{})
		w.move(c, w.first())
		at := extract.SecondOf(w.second().Time())
		o := w.run(attempt{trouble: trouble{broken: extract.Span{From: at - 1, Until: at + 2}}})
		if r := w.store.rows[c.id]; o.report.Status != warehouse.RunPartial || r.Conversation.StartedAt != w.second() || r.Conversation.MissingSince.Valid {
			t.Errorf("%s: %v is stored, missing %t", o.report.Status, r.Conversation.StartedAt.Time(), r.Conversation.MissingSince.Valid)
		}
		w.succeeds(attempt{})
		if r := w.store.rows[c.id]; r.Conversation.StartedAt != w.first() {
			t.Errorf("%v is stored after the next run", r.Conversation.StartedAt.Time())
		}
	})
}
