package notify

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"convsync/internal/load"
	"convsync/internal/pipeline"
	"convsync/internal/warehouse"
)

var errOutside = errors.New("the file of the key cannot be read")

var errDestination = &load.StateError{What: "the database cannot be reached", Err: errors.New("connection refused")}

func TestIncident_ProjectOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.ran(report(), nil)
		w.expect("all is well")
		w.ran(report(sales), nil)
		w.expect("it fails", "Project sales (live) could not be read completely.")
		for range 5 {
			wait(time.Hour)
			w.ran(report(sales), nil)
		}
		w.expect("it still fails")
		w.ran(report(sales, support), nil)
		w.expect("another fails too", "Project support (live)")
		wait(time.Hour)
		w.ran(report(support), nil)
		w.expect("the first is well", "Project sales (live) is read completely again.\nThe problem lasted 6 hours, since ")
		w.ran(report(support), nil)
		w.expect("and stays well")
	})
}

func TestARunThatFailsAsAWholeSaysNothingOfItsProjects(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.ran(report(sales), nil)
		w.expect("a project fails", "Project sales")
		failed := report()
		failed.Status, failed.Errors = warehouse.RunFailed, []error{errOutside}
		w.ran(failed, errOutside)
		w.expect("the run fails", "The run of the schedule nightly failed.")
		w.ran(nil, errOutside)
		w.expect("the run fails without a report")
		w.ran(report(), nil)
		w.expect("all is well", "1 more problem is resolved.")
	})
}

func TestIncident_StoppedRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.ran(report(sales), nil)
		w.expect("a project fails", "Project sales")
		stopped, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("SIGTERM"))
		w.n.Ran(stopped, Scheduled{Schedule: "nightly"}, report(support), errors.New("SIGTERM"))
		w.ran(report(), fmt.Errorf("stopped: %w", context.Canceled))
		w.ran(nil, &load.LockedError{Where: "the lake"})
		w.expect("runs were stopped")
		if _, beats := w.count(); beats != 0 {
			t.Errorf("%d heartbeats", beats)
		}
	})
}

// TestIncident_RunsOfASchedule has a schedule with a run for each of its projects,
// one of which fails.
func TestIncident_RunsOfASchedule(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		all := []string{"sales", "support"}
		ran := func(project string, err error) {
			w.n.Ran(t.Context(), Scheduled{Schedule: "nightly", Projects: []string{project}, All: all}, &pipeline.Report{Status: warehouse.RunSucceeded}, err)
		}
		ran("sales", errOutside)
		w.expect("one fails", "The run of the schedule nightly failed.")
		for range 3 {
			ran("support", nil)
			ran("sales", errOutside)
			wait(time.Hour)
		}
		w.expect("the other one succeeds")
		if _, beats := w.count(); beats != 0 {
			t.Errorf("%d heartbeats while one fails", beats)
		}
		ran("support", errOutside)
		ran("sales", nil)
		w.expect("now the other one fails")
		ran("support", nil)
		w.expect("both succeed", "Runs of the schedule nightly finish again.")
		wait(time.Hour)
		ran("sales", errOutside)
		w.expect("one fails again", "The run of the schedule nightly failed.")
		all = []string{"support"} // it is not configured any longer
		ran("support", nil)
		w.expect("it has left the schedule", "Runs of the schedule nightly finish again.")
		if _, beats := w.count(); beats != 2 {
			t.Errorf("%d heartbeats, want 2", beats)
		}
	})
}

func TestTooManyRejectsAreAnIncident(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		r := report()
		r.Status, r.NewRejects = warehouse.RunPartial, 12
		w.ran(r, nil)
		w.expect("rejects", "12 of them are new")
		w.ran(report(), nil)
		w.expect("no rejects", "The last run of the schedule nightly rejected no new conversations.")
	})
}

func TestIncident_OldDataOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(o *Options) { o.StaleAfter = 3 * time.Hour })
		w.ages(3*time.Hour-time.Second, 0)
		w.expect("just fresh enough")
		w.ages(3*time.Hour, 0)
		w.expect("old", "Project sales (live) has old data: it is covered up to 31 Dec 1999, 21:00 UTC.\nSince: 1 Jan 2000, 00:00 UTC\nWhy: no failed run is known")
		wait(time.Hour)
		w.ages(4*time.Hour, 0)
		w.expect("older")
		w.ages(time.Minute, 0)
		w.expect("fresh", "Project sales (live) is up to date again.\nThe problem lasted 60 minutes, since 1 Jan 2000, 00:00 UTC.")
	})
}

func TestOldDataSaysWhyTheRunsFail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.ran(report(sales), nil)
		w.ages(48*time.Hour, time.Hour)
		if heard := strings.Join(w.heard(), "\n"); !strings.Contains(heard, "Why: its last run failed: answered 401 Unauthorized") {
			t.Errorf("%s", heard)
		}
	})
}

func TestIncident_NeverCovered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		none := func() { w.n.Ages(t.Context(), Marks{sales: 0}, time.Now()) }
		none()
		wait(25 * time.Hour)
		w.close()
		w.start() // must not start to wait again
		none()
		w.expect("it may take a day")
		wait(time.Hour)
		none()
		w.expect("it takes too long", "Project sales (live) has no data yet")
		w.n.Ages(t.Context(), Marks{sales: warehouse.TimestampOf(time.Now())}, time.Now())
		w.expect("it has come", "is up to date again")
	})
}

func TestAProjectThatIsNoLongerConfiguredIsDroppedInSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.ran(report(sales), nil)
		w.ages(48*time.Hour, 0)
		w.heard()
		w.n.Ages(t.Context(), Marks{support: warehouse.TimestampOf(time.Now())}, time.Now())
		w.expect("it is gone")
		w.ran(report(), nil)
		w.expect("nothing is left of it")
	})
}

func TestIncident_Flapping(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.ran(report(sales), nil)
		wait(time.Minute)
		w.ran(report(), nil)
		w.expect("once each", "could not be read completely", "is read completely again")
		for range 20 {
			wait(4 * time.Minute)
			w.ran(report(sales), nil)
			wait(4 * time.Minute)
			w.ran(report(), nil)
		}
		w.expect("it comes and goes")
	})
}

func TestIncident_BackAndStays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.ran(report(sales), nil)
		w.expect("it fails", "could not be read completely")
		w.ran(report(), nil)
		w.expect("it is well", "is read completely again")
		wait(quiet - time.Minute)
		w.ran(report(sales), nil)
		w.ages(0, 0)
		w.expect("it comes back")
		wait(time.Minute)
		w.ages(0, 0) // no run is needed for it
		w.expect("it stays", "could not be read completely")
		w.ran(report(), nil)
		w.expect("it is well again", "is read completely again")
	})
}

func TestARestartForgetsNothingAndTellsNothingTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.ran(report(sales), nil)
		w.expect("it fails", "could not be read completely")
		restart := func() { w.close(); w.start() }
		restart()
		w.ran(report(sales), nil)
		w.expect("it still fails after a restart")
		restart()
		wait(48 * time.Hour)
		w.ran(report(), nil)
		w.expect("it is well after a restart", "The problem lasted 2 days")
		wait(time.Hour)
		w.ages(0, 0)
		restart()
		w.ran(report(), nil)
		w.expect("everything is notified")
		if kept, err := os.ReadFile(w.o.StatePath); err != nil || strings.Contains(string(kept), "sales") {
			t.Errorf("%v; what is over stays in the file:\n%s", err, kept)
		}
	})
}

func TestTheStateFileIsForItsOwnerAloneAndHoldsNoURL(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.ran(report(sales), nil)
		w.heard()
		info, err := os.Stat(w.o.StatePath)
		if err != nil {
			t.Fatal(err)
		}
		kept, err := os.ReadFile(w.o.StatePath)
		if err != nil || info.Mode().Perm() != 0o600 || strings.Contains(string(kept), "made-up") || !strings.Contains(string(kept), "sales") {
			t.Errorf("%v, %v: %s", err, info.Mode(), kept)
		}
	})
}

func TestADamagedStateFileCostsATellingAndNotTheStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.ran(report(sales), nil)
		w.heard()
		w.close()
		for _, damage := range []string{"", "{", `{"incidents":[null]}`} {
			if err := os.WriteFile(w.o.StatePath, []byte(damage), 0o600); err != nil {
				t.Fatal(err)
			}
			w.start()
			w.ran(report(sales), nil)
			w.expect("it still fails", "could not be read completely")
			w.close()
		}
		w.start()
	})
}

func TestAStateFileThatCannotBeWrittenIsLoggedAndNoMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(o *Options) { o.StatePath += "/no-such-folder/state.json" })
		w.ran(report(sales), nil)
		w.expect("it fails", "could not be read completely")
		w.ran(report(sales), nil)
		w.expect("it still fails")
		w.close()
		if !strings.Contains(w.logs.String(), "cannot save the notification state") {
			t.Error(w.logs.String())
		}
	})
}

// Ten years in which each project fails now and then, and a channel is broken.
func TestForget(t *testing.T) {
	t.Parallel()
	s := &state{}
	channels := []*channel{{name: "broken"}}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for day := range 3650 {
		now = now.AddDate(0, 0, 1)
		found := incident{Kind: kindProject, ProjectID: fmt.Sprint("project-", day), Since: now}
		s.open(found)
		s.find(kindProject, found.subject()).heard("broken", true) // and never of the end
		s.close(kindProject, found.subject(), now.Add(time.Hour))
		s.forget(channels, now.Add(2*time.Hour))
	}
	if n := len(s.Incidents); n > 8 {
		t.Errorf("%d incidents are kept, want those of a week", n)
	}
}
