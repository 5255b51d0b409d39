package pipeline

import (
	"testing"

	"convsync/internal/extract"
	"convsync/internal/warehouse"
)

// moved returns a world in which a conversation moves to another environment, first
// from live.
func moved(t *testing.T, atOnce bool, parallel int, from string) (*world, *scriptedConversation) {
	t.Helper()
	w := startsWorld(t, parallel, 2, atOnce)
	w.arriveIn(from, w.second(), 3, 0, 0)
	c := w.source.conversations[len(w.source.conversations)-1]
	w.succeeds(attempt{})
	w.moveEnvironment(c)
	return w, c
}

func (w *world) isIn(c *scriptedConversation, env string) {
	w.t.Helper()
	r := w.store.rows[c.id]
	if r == nil || r.Conversation.Environment != env || r.Conversation.MissingSince.Valid || len(w.store.missing) > 0 {
		w.t.Errorf("stored: %+v, missing: %v; want it in %s", r, w.store.missing, env)
	}
}

func TestMovedEnvironment(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, atOnce bool, parallel int) {
		for i, from := range modelEnvironments {
			to := modelEnvironments[1-i]
			w, c := moved(t, atOnce, parallel, from)
			w.succeeds(attempt{})
			w.isIn(c, to)
			if w.succeeds(attempt{}); len(w.store.written) > 0 {
				t.Errorf("written again: %v", w.store.written)
			}
			w.moveEnvironment(c)
			w.succeeds(attempt{})
			w.isIn(c, from)
		}
	})
}

// The other environment was read in an earlier run, and not in the one that finds the
// conversation missing.
func TestMovedEnvironment_ReadOnce(t *testing.T) {
	t.Parallel()
	w, c := moved(t, true, 1, "live")
	w.succeeds(attempt{lookback: []extract.Tier{}}) // reads neither place
	w.isIn(c, "live")
	at := extract.SecondOf(w.second().Time())
	if o := w.run(attempt{trouble: trouble{brokenIn: "sandbox"}}); o.report.Status != warehouse.RunPartial {
		t.Errorf("the run %s", o.report.Status)
	}
	w.isIn(c, "live") // not missing: the other environment could not be read
	w.succeeds(attempt{backfill: extract.Span{From: at - aDay, Until: at + aDay}})
	w.isIn(c, "sandbox")
}

// A conversation was marked as missing before it was listed in the other environment.
func TestMovedEnvironment_Missing(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, atOnce bool, parallel int) {
		w := startsWorld(t, parallel, 2, atOnce)
		w.arrive(w.second(), 3, 0, 0)
		c := w.source.conversations[len(w.source.conversations)-1]
		w.succeeds(attempt{})
		w.setListed(c, false)
		if w.succeeds(attempt{}); !w.store.missing[c.id] {
			t.Fatal("it is not missing")
		}
		w.moveEnvironment(c)
		w.setListed(c, true)
		w.succeeds(attempt{})
		w.isIn(c, "sandbox")
	})
}
