package notify

import (
	"testing"
	"testing/synctest"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// reached says since when the destination cannot be read; 0: it can.
func (w *world) reached(failingFor time.Duration) {
	now := time.Now()
	if failingFor == 0 {
		w.n.Reached(w.t.Context(), time.Time{}, nil, now)
		return
	}
	w.n.Reached(w.t.Context(), now.Add(-failingFor), errDestination, now)
}

// TestAnOutageIsOneAlertAndOneRecovery takes a minute without the destination
// through each order in which runs and the watch may notice it.
func TestAnOutageIsOneAlertAndOneRecovery(t *testing.T) {
	t.Parallel()
	failed := func(w *world) {
		r := report()
		r.Status, r.Errors = warehouse.RunFailed, []error{errDestination}
		w.ran(r, errDestination)
	}
	for name, order := range map[string][]func(*world){
		"runs alone":      {failed, failed, failed},
		"a run first":     {failed, func(w *world) { w.reached(20 * time.Second) }, failed},
		"the watch first": {func(w *world) { w.reached(20 * time.Second) }, failed, failed, func(w *world) { w.reached(time.Minute) }},
		"a run that comes to no report": {func(w *world) { w.ran(nil, errDestination) }, func(w *world) {
			w.reached(20 * time.Second)
		}},
		"several schedules":                         {failed, func(w *world) { w.n.Ran(w.t.Context(), Scheduled{Schedule: "weekly"}, nil, errDestination) }},
		"the watch sees it again before a run does": {failed, func(w *world) { w.reached(20 * time.Second) }, func(w *world) { w.reached(0) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				w.ran(report(), nil)
				for _, step := range order {
					step(w)
					wait(10 * time.Second)
				}
				w.expect("the outage", "The destination cannot be used.\nSince: ")
				w.reached(0)
				w.ran(report(), nil)
				w.ran(report(), nil)
				w.reached(0)
				w.expect("it is over", "The destination can be used again.")
			})
		})
	}
}

func TestDestination_OutageBetweenRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.reached(5 * time.Second)
		w.reached(0)
		w.expect("a restarted server")
		w.reached(blip)
		w.expect("it stays away", "The destination cannot be used.")
		w.reached(time.Hour)
		w.expect("it is still away")
		w.reached(0)
		w.expect("it is back", "The destination can be used again.\nThe problem lasted less than a minute")
	})
}

// TestWhoCanReadMayNotBeAbleToWrite: the disk is full, and reading continues.
func TestWhoCanReadMayNotBeAbleToWrite(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.ran(nil, errDestination)
		w.expect("a run cannot write", "The destination cannot be used.")
		w.reached(0)
		w.expect("it can be read")
		w.ran(report(), nil)
		w.expect("a run succeeds", "The destination can be used again.")
	})
}

func TestASchedulesFailureIsNotOverWhenAnotherSucceeds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.n.Ran(t.Context(), Scheduled{Schedule: "weekly"}, nil, errOutside)
		w.expect("the weekly run fails", "The run of the schedule weekly failed.")
		w.ran(report(), nil)
		w.expect("another succeeds")
		w.n.Ran(t.Context(), Scheduled{Schedule: "weekly"}, nil, nil)
		w.expect("the weekly run succeeds", "Runs of the schedule weekly finish again.")
		if _, beats := w.count(); beats != 1 {
			t.Errorf("%d heartbeats: what only compares sends none", beats)
		}
	})
}

func TestAScheduleThatIsNoLongerConfiguredIsDroppedInSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.n.Ran(t.Context(), Scheduled{Schedule: "weekly"}, nil, errOutside)
		w.heard()
		w.close()
		w.o.Schedules = []string{"nightly"}
		w.start()
		w.ages(0, 0)
		w.expect("it is gone")
		if w.n.state.find(kindRun, subject{schedule: "weekly"}) != nil {
			t.Error("something is left of it")
		}
	})
}

func TestARunThatFindsAnotherWritingTellsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		locked := &load.LockedError{Where: "the lake"}
		r := report()
		r.Status, r.Errors = warehouse.RunFailed, []error{locked}
		w.ran(r, locked)
		w.expect("another run goes")
	})
}
