package schedule_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"convsync/internal/schedule"
)

func TestASoftStopWaitsForWhatRunsAndStartsNoMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var cut error
		long, short := &diary{}, &diary{}
		long.do = func(ctx context.Context) error {
			<-time.After(5 * time.Hour)
			cut = ctx.Err()
			return nil
		}
		s := started(t, schedule.Options{Entries: []schedule.Entry{
			{Name: "long", Cron: "@hourly", Run: long.run},
			{Name: "short", Cron: "@hourly", Run: short.run},
		}})
		pass(90 * time.Minute)
		began := time.Now()
		stop(t, s)
		if waited := time.Since(began); waited != 270*time.Minute {
			t.Errorf("it waited %v for a run of 4 h 30 more", waited)
		}
		if cut != nil {
			t.Errorf("the run was cut off: %v", cut)
		}
		pass(3 * time.Hour)
		long.expect(t, 1)
		short.expect(t, 1)
		stop(t, s) // again: harmless
	})
}

func TestAHardStopBreaksOffWhatRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		long := &diary{do: func(ctx context.Context) error {
			<-ctx.Done()
			<-time.After(time.Second) // it tidies up
			return ctx.Err()
		}}
		s := started(t, schedule.Options{Entries: []schedule.Entry{
			{Name: "long", Cron: "@hourly", Run: long.run},
			{Name: "short", Cron: "@hourly", Run: (&diary{}).run},
		}})
		pass(90 * time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		err := s.Stop(ctx)
		if waited := time.Since(began); waited != 61*time.Second {
			t.Errorf("it came back after %v, not with the end of the run", waited)
		}
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "interrupted: long:") {
			t.Errorf("it says %v", err)
		}
	})
}

func TestTheEndOfTheContextIsAHardStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &diary{do: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}
		s, err := schedule.New(schedule.Options{Entries: []schedule.Entry{{Name: "hourly", Cron: "@hourly", Run: d.run}}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		if err := s.Start(ctx); err != nil {
			t.Fatal(err)
		}
		pass(time.Hour)
		cancel()
		pass(3 * time.Hour)
		if err := s.RunNow("hourly"); !errors.Is(err, schedule.ErrStopped) {
			t.Errorf("asked for a run, it says %v", err)
		}
		stop(t, s)
		d.expect(t, 1)
	})
}

func TestASchedulerStartsOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := started(t, schedule.Options{})
		if s.Start(t.Context()) == nil {
			t.Error("it started twice")
		}
		stop(t, s)
		if s.Start(t.Context()) == nil {
			t.Error("it started after its stop")
		}
		never, err := schedule.New(schedule.Options{})
		if err != nil {
			t.Fatal(err)
		}
		stop(t, never)
		if never.Start(t.Context()) == nil {
			t.Error("it started after a stop that came first")
		}
	})
}

// TestAFailureIsLoggedOnce: by its run, where it says so, else by the schedule.
func TestAFailureIsLoggedOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		want int
	}{"by the run": {schedule.Logged(errors.New("made up")), 0}, "by the schedule": {errors.New("made up"), 1}, "nothing failed": {schedule.Logged(nil), 0}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { // no midnight comes in between
				var text bytes.Buffer
				s := started(t, schedule.Options{
					Entries: []schedule.Entry{{Name: "nightly", Cron: "@daily", Run: func(context.Context) error { return c.err }}},
					Log:     slog.New(slog.NewTextHandler(&text, nil)),
				})
				if err := s.RunNow("nightly"); err != nil {
					t.Fatal(err)
				}
				stop(t, s)
				if n := strings.Count(text.String(), "made up"); n != c.want {
					t.Errorf("it was logged %d times: %s", n, &text)
				}
			})
		})
	}
}
