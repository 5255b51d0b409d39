package load_test

import (
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

var now = time.Date(2026, time.March, 1, 0, 0, 0, 0, time.UTC)

// ended makes a run that ended so many days ago, by each clock.
func ended(source, local int, change int64) *warehouse.SyncRun {
	at := func(days int) warehouse.Timestamp { return warehouse.TimestampOf(now.AddDate(0, 0, -days)) }
	return &warehouse.SyncRun{
		StartedAt: at(local), FinishedAt: warehouse.Some(at(local)), SourceAt: warehouse.Some(at(source)), LastChange: warehouse.Some(change),
	}
}

func TestRunLog(t *testing.T) {
	t.Parallel()
	const ahead, behind = -9000, 9000
	cases := map[string]struct {
		runs    []*warehouse.SyncRun
		now     *warehouse.SyncRun
		changes int64
		dropped int
	}{
		"Young":       {[]*warehouse.SyncRun{ended(89, 89, 1)}, ended(0, 0, 9), 0, 0},
		"Old":         {[]*warehouse.SyncRun{ended(92, 92, 1), ended(91, 91, 2), ended(89, 89, 3)}, ended(0, 0, 9), 2, 0},
		"Older":       {[]*warehouse.SyncRun{ended(402, 402, 1), ended(399, 399, 2)}, ended(0, 0, 9), 2, 1},
		"InFuture":    {[]*warehouse.SyncRun{ended(402, ahead, 1), ended(401, 401, 2)}, ended(0, 0, 9), 2, 2},
		"InPast":      {[]*warehouse.SyncRun{ended(1, behind, 1), ended(behind, 1, 2)}, ended(0, 0, 9), 0, 0},
		"LocalAhead":  {[]*warehouse.SyncRun{ended(80, 80, 1)}, ended(0, ahead, 9), 0, 0},
		"SourceAhead": {[]*warehouse.SyncRun{ended(80, 80, 1)}, ended(ahead, 0, 9), 0, 0},
		"AlwaysAhead": {[]*warehouse.SyncRun{ended(91, ahead+91, 1)}, ended(0, ahead, 9), 1, 0},
		"NoAnswer":    {[]*warehouse.SyncRun{{StartedAt: 1, FinishedAt: warehouse.Some(warehouse.Timestamp(2)), LastChange: warehouse.Some(int64(1))}}, ended(0, 0, 9), 0, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ages, ok := load.AgesAt(c.now)
			log := &load.RunLog{}
			for _, r := range c.runs {
				log.Add(r, ages, ok)
			}
			if got := log.ExpiredChanges(); got != c.changes {
				t.Errorf("changes up to %d have expired, want %d", got, c.changes)
			}
			dropped := 0
			if drop := log.Drop(); drop != nil {
				for i := range c.runs {
					if drop(i) {
						dropped++
					}
				}
			}
			if dropped != c.dropped {
				t.Errorf("%d runs are dropped, want %d", dropped, c.dropped)
			}
		})
	}
}
