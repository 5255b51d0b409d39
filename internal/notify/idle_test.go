package notify

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestIdle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		since := time.Now().Add(-10 * time.Hour)
		idle := func(since time.Time) { w.n.Idle(t.Context(), since, time.Now()) }
		idle(time.Time{})
		w.expect("runs happen")
		idle(since)
		w.expect("none for ten hours", "No run has started for 10 hours, twice the scheduled interval. (convsync on testing)")
		idle(since)
		w.expect("it is known")
		idle(time.Time{})
		w.expect("one happened", "Runs are starting again.")
	})
}
