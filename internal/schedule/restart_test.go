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

func TestRestart_MissedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		nightly, hourly, weekly := &diary{}, &diary{}, &diary{}
		store := storeIn(t)
		begin := func() *schedule.Scheduler {
			return started(t, schedule.Options{Store: store(), Log: slog.New(slog.NewTextHandler(&log, nil)), Entries: []schedule.Entry{
				{Name: "nightly", Cron: "0 2 * * *", Run: nightly.run},
				{Name: "hourly", Cron: "@hourly", Run: hourly.run},
				{Name: "weekly", Cron: "0 2 * * 3", Run: weekly.run},
			}})
		}
		s := begin()
		pass(90 * time.Minute)
		stop(t, s)
		if log.Len() > 0 {
			t.Errorf("something is said of a quiet hour: %s", &log)
		}
		pass(48 * time.Hour) // down: 2 nights, 48 hours, no Wednesday
		s = begin()
		synctest.Wait()
		nightly.expect(t, 49.5)
		hourly.expect(t, 1, 49.5)
		weekly.expect(t)
		if n := strings.Count(log.String(), "missed"); n != 2 {
			t.Errorf("%d catchings-up are said:\n%s", n, &log)
		}
		pass(time.Hour)
		stop(t, s)
		for range 3 { // nothing is left to catch up
			s = begin()
			pass(time.Second)
			stop(t, s)
		}
		nightly.expect(t, 49.5, 50)
		hourly.expect(t, 1, 49.5, 50)
	})
}

func TestANightMissedBeforeTheFirstRunIsCaughtUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, store := &diary{}, storeIn(t)
		begin := func() *schedule.Scheduler {
			return started(t, schedule.Options{Store: store(), Entries: []schedule.Entry{{Name: "nightly", Cron: "0 2 * * *", Run: d.run}}})
		}
		stop(t, begin())
		pass(3 * time.Hour)
		s := begin()
		synctest.Wait()
		stop(t, s)
		d.expect(t, 3)
	})
}

func TestRestart_AfterCrash(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, store := &diary{}, storeIn(t)
		d.do = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		options := func() schedule.Options {
			return schedule.Options{Store: store(), Entries: []schedule.Entry{{Name: "nightly", Cron: "0 2 * * *", Run: d.run}}}
		}
		ctx, kill := context.WithCancel(t.Context())
		s, err := schedule.New(options())
		if err == nil {
			err = s.Start(ctx)
		}
		if err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Hour)
		kill()
		stop(t, s)
		s = started(t, options())
		pass(time.Hour)
		stop(t, s)
		d.expect(t, 2)
	})
}

// In London, 01:30 comes twice on 29 October 2000: at 00:30 and 01:30 UTC.
func TestRestart_BetweenEqualTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, store := &diary{}, storeIn(t)
		begin := func() *schedule.Scheduler {
			return started(t, schedule.Options{Store: store(), Entries: []schedule.Entry{{Name: "nightly", Cron: "30 1 * * *", Location: zone(t, "Europe/London"), Run: d.run}}})
		}
		pass(time.Until(time.Date(2000, 10, 29, 0, 0, 0, 0, time.UTC)))
		s := begin()
		pass(45 * time.Minute)
		stop(t, s)
		s = begin()
		pass(3 * time.Hour)
		stop(t, s)
		if len(d.times) != 1 || !d.times[0].Equal(time.Date(2000, 10, 29, 0, 30, 0, 0, time.UTC)) {
			t.Errorf("ran at %v", d.times)
		}
	})
}

// An expression that runs throughout the day is due once in each of the two
// hours, also across restarts.
func TestRestart_RepeatedHour(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, store := &diary{}, storeIn(t)
		begin := func() *schedule.Scheduler {
			return started(t, schedule.Options{Store: store(), Entries: []schedule.Entry{{Name: "often", Cron: "*/30 * * * *", Location: zone(t, "Europe/London"), Run: d.run}}})
		}
		change := time.Date(2000, 10, 29, 1, 0, 0, 0, time.UTC) // 02:00 becomes 01:00
		pass(time.Until(change.Add(-75 * time.Minute)))
		for range 8 { // a start every twenty minutes, until 85 minutes after the change
			s := begin()
			pass(20 * time.Minute)
			stop(t, s)
		}
		want := []time.Duration{-60, -30, 0, 30, 60}
		if len(d.times) != len(want) {
			t.Fatalf("ran at %v", d.times)
		}
		for i, minutes := range want {
			if at := change.Add(minutes * time.Minute); !d.times[i].Equal(at) {
				t.Errorf("run %d was at %v, not %v", i, d.times[i].UTC(), at)
			}
		}
	})
}

func TestRestart_StopDuringJitter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, store := &diary{}, storeIn(t)
		options := schedule.Options{Store: store(), Entries: []schedule.Entry{{Name: "nightly", Cron: "0 2 * * *", Jitter: 1000 * time.Hour, Run: d.run}}}
		s := started(t, options)
		pass(2*time.Hour + time.Nanosecond)
		stop(t, s)
		d.expect(t)
		options.Entries[0].Jitter, options.Store = 0, store()
		pass(time.Hour - time.Nanosecond)
		s = started(t, options)
		synctest.Wait()
		stop(t, s)
		d.expect(t, 3)
	})
}

// A broken store fails after a number of calls.
type broken struct{ calls int }

func (b *broken) Last(context.Context, string) (time.Time, error) { return time.Time{}, b.call() }
func (b *broken) Note(context.Context, string, time.Time) error   { return b.call() }

func (b *broken) call() error {
	if b.calls--; b.calls < 0 {
		return errors.New("the disk is full")
	}
	return nil
}

func TestStore_Failure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		d := &diary{}
		options := schedule.Options{Log: slog.New(slog.NewTextHandler(&log, nil)), Entries: []schedule.Entry{{Name: "hourly", Cron: "@hourly", Run: d.run}}}
		for calls := range 2 { // at the start somebody is there to read the error
			options.Store = &broken{calls}
			s, err := schedule.New(options)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Start(t.Context()); err == nil || !strings.Contains(err.Error(), `"hourly": the disk is full`) {
				t.Errorf("after %d calls it says %v", calls, err)
			}
			stop(t, s)
		}
		options.Store = &broken{2}
		s := started(t, options)
		pass(2 * time.Hour)
		stop(t, s)
		d.expect(t, 1, 2)
		if n := strings.Count(log.String(), "the disk is full"); n != 2 {
			t.Errorf("%d errors are said:\n%s", n, &log)
		}
	})
}
