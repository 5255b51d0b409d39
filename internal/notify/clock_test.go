package notify

import (
	"encoding/json"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// The state was stored while the clock was a day ahead.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		marks := Marks{sales: 0, support: 0}
		w.n.Ages(t.Context(), marks, time.Now())
		w.ran(report(sales), nil)
		w.expect("it fails", "Project sales (live) could not be read completely.")
		w.ran(report(), nil)
		w.expect("it is well", "Project sales (live) is read completely again.")
		w.close()
		w.noteAhead(24 * time.Hour)
		w.start()
		w.n.Ages(t.Context(), marks, time.Now())
		wait(time.Hour)
		w.ran(report(sales), nil)
		w.expect("it fails again", "Project sales (live) could not be read completely.")
		wait(25*time.Hour + time.Minute)
		w.n.Ages(t.Context(), marks, time.Now())
		w.expect("nothing is covered for 26 hours", "Project support (live) has no data yet: no part of it was read completely.\nSince: 2 Jan 2000, 02:00 UTC")
	})
}

// noteAhead moves the times in the state file.
func (w *world) noteAhead(by time.Duration) {
	w.t.Helper()
	data, err := os.ReadFile(w.o.StatePath)
	if err != nil {
		w.t.Fatal(err)
	}
	var stored state
	if err := json.Unmarshal(data, &stored); err != nil || len(stored.Incidents) == 0 || len(stored.Waiting) == 0 {
		w.t.Fatalf("%v: %s", err, data)
	}
	for _, i := range stored.Incidents {
		i.Since, i.Ended = i.Since.Add(by), i.Ended.Add(by)
	}
	for i := range stored.Waiting {
		stored.Waiting[i].Since = stored.Waiting[i].Since.Add(by)
	}
	if data, err = json.Marshal(&stored); err == nil {
		err = os.WriteFile(w.o.StatePath, data, 0o600)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}
