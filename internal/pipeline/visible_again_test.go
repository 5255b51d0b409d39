package pipeline

import (
	"fmt"
	"testing"
	"time"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// revealWorld returns a world with months of history and the default lookback.
func revealWorld(t *testing.T, atOnce bool) *world {
	t.Helper()
	w := newWorld(t, settings{
		atOnce:   atOnce,
		pageSize: 20,
		parallel: 1,
		openAge:  7 * 24 * time.Hour,
		lookback: []extract.Tier{
			{Depth: time.Hour}, {Depth: 24 * time.Hour, Every: time.Hour}, {Depth: 168 * time.Hour, Every: 24 * time.Hour},
		},
	})
	t.Cleanup(w.close)
	w.start = w.source.clock - w.source.clock%aDay - 60*aDay
	return w
}

// arrived adds a conversation of three turns that started a while ago.
func (w *world) arrived(ago extract.Second) *scriptedConversation {
	w.arrive(warehouse.TimestampOf((w.source.clock - ago).Time()), 3, 0, 0)
	return w.source.conversations[len(w.source.conversations)-1]
}

// withholds hides the turns of a conversation until its transcript becomes visible.
func (w *world) withholds(c *scriptedConversation) {
	c.change(w.tick(), func(v *version) { v.turns = 0 })
}

func (w *world) appears(c *scriptedConversation) {
	c.change(w.tick(), func(v *version) { v.turns = v.numTurns })
}

// reads executes a run a while after the last one, and returns how many conversations
// it received.
func (w *world) reads(after extract.Second) int {
	w.t.Helper()
	w.source.clock += after
	if o := w.run(attempt{}); o.err != nil || o.report.Status != warehouse.RunSucceeded {
		w.t.Fatalf("%v, %+v", o.err, o.report)
	}
	return len(w.source.answered)
}

// days simulates days with a number of runs each, and returns the maximum of received
// conversations per run.
func (w *world) days(n, runs int) (most int) {
	w.t.Helper()
	between := aDay / extract.Second(runs)
	for range n * runs {
		w.source.clock += between
		w.arrived(between - anHour)
		w.arrived(between / 3)
		most = max(most, w.reads(0))
	}
	return most
}

func TestVisibleAgainLateTranscript(t *testing.T) {
	t.Parallel()
	for _, atOnce := range []bool{false, true} {
		t.Run(fmt.Sprintf("at once %t", atOnce), func(t *testing.T) {
			t.Parallel()
			w := revealWorld(t, atOnce)
			for day := range extract.Second(60) {
				for n := range extract.Second(8) {
					c := w.arrived(day*aDay + n*anHour + 20*aMinute)
					if n == 5 { // one of each day remains hidden
						w.withholds(c)
					}
				}
			}
			late := w.arrived(10 * aMinute)
			w.withholds(late)
			w.reads(0)
			ordinary := w.reads(5 * aMinute)
			w.appears(late)
			if got := w.reads(5 * aMinute); got > ordinary+1 {
				t.Errorf("%d conversations were read, %d without the late transcript, of %d", got, ordinary, len(w.source.conversations))
			}
			if r := w.store.rows[late.id]; load.IsHidden(&r.Conversation) || len(r.Turns) != 3 {
				t.Errorf("%d turns are stored of it", len(r.Turns))
			}
		})
	}
}

func TestVisibleAgainNextDay(t *testing.T) {
	t.Parallel()
	for name, hide := range map[string]struct{ turns, metrics bool }{
		"transcripts": {turns: true}, "metrics": {metrics: true}, "both": {turns: true, metrics: true},
	} {
		for days, runs := range map[int]int{1: 4, 7: 1, 8: 1, 9: 4, 21: 4} { // the lookback reads a week
			t.Run(fmt.Sprintf("%s for %d days of %d runs", name, days, runs), func(t *testing.T) {
				t.Parallel()
				w := revealWorld(t, days%2 > 0)
				w.days(3, runs)
				w.hide(hide.turns, hide.metrics)
				w.days(days, runs)
				w.hide(false, false)
				w.days(1, runs)
				for id, r := range w.store.rows {
					if load.IsHidden(&r.Conversation) || len(r.Turns) != 3 || len(r.Metrics) == 0 {
						t.Errorf("of %s, %d turns and %d metrics are stored", id, len(r.Turns), len(r.Metrics))
					}
				}
			})
		}
	}
}

func TestVisibleAgainTranscriptsOnly(t *testing.T) {
	t.Parallel()
	w := revealWorld(t, true)
	w.hide(false, true) // like those of an agent without metrics
	w.days(40, 4)
	w.hide(true, true)
	w.days(12, 4)
	w.hide(false, true)
	if most := w.days(1, 4); most < 100 || most > 200 {
		t.Errorf("%d conversations were read at once, of %d; those of 19 days were hidden", most, len(w.source.conversations))
	}
	for id, r := range w.store.rows {
		if load.IsHidden(&r.Conversation) {
			t.Errorf("%s is hidden still", id)
		}
	}
}
