package schedule_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"convsync/internal/schedule"
)

// In a bubble of synctest the clock begins at midnight UTC on 1 January 2000, a
// Saturday, and moves only when all goroutines wait.

// A diary is an entry's Run, and lists when it ran.
type diary struct {
	mu    sync.Mutex
	times []time.Time
	do    func(ctx context.Context) error
}

func (d *diary) run(ctx context.Context) error {
	d.mu.Lock()
	d.times = append(d.times, time.Now())
	d.mu.Unlock()
	if d.do == nil {
		return nil
	}
	return d.do(ctx)
}

func (d *diary) hours() (list []float64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, at := range d.times {
		list = append(list, at.Sub(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).Hours())
	}
	return list
}

func (d *diary) expect(t testing.TB, hours ...float64) {
	t.Helper()
	if got := d.hours(); !slices.Equal(got, hours) {
		t.Errorf("ran at hours %v, not %v", got, hours)
	}
}

func started(t testing.TB, options schedule.Options) *schedule.Scheduler {
	t.Helper()
	s, err := schedule.New(options)
	if err == nil {
		err = s.Start(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func stop(t testing.TB, s *schedule.Scheduler) {
	t.Helper()
	if err := s.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}

// pass lets time go by, and what falls due begin.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestScheduler_Year(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		diaries := map[string]*diary{}
		var options schedule.Options
		expressions := map[string]string{
			"Europe/London": "30 1 * * *", "America/New_York": "*/20 1-3 * * *", "Africa/Cairo": "0 0 * * *",
			"Australia/Lord_Howe": "15 2 * * 7", "Asia/Kolkata": "0 12 13 * fri",
		}
		for name, expression := range expressions {
			diaries[name] = &diary{}
			options.Entries = append(options.Entries, schedule.Entry{Name: name, Cron: expression, Location: zone(t, name), Run: diaries[name].run})
		}
		from := time.Now().UTC()
		to := from.AddDate(1, 0, 0)
		s := started(t, options)
		pass(to.Sub(from))
		stop(t, s)
		for name, d := range diaries {
			meaning, known := timetables[expressions[name]]
			if !known {
				t.Fatalf("nothing says what %q means", expressions[name])
			}
			want := meaning.due(watch(zone(t, name), from, to))
			if !slices.EqualFunc(d.times, want, time.Time.Equal) {
				t.Errorf("%s: %s", name, difference(d.times, want, zone(t, name)))
			}
		}
	})
}

func TestARunThatStillGoesIsNotOvertaken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		slow, other := &diary{}, &diary{}
		slow.do = func(ctx context.Context) error { <-time.After(150 * time.Minute); return nil }
		s := started(t, schedule.Options{Log: slog.New(slog.NewTextHandler(&log, nil)), Entries: []schedule.Entry{
			{Name: "slow", Cron: "@hourly", Run: slow.run},
			{Name: "other", Cron: "@hourly", Run: other.run},
		}})
		pass(6*time.Hour + time.Minute)
		slow.expect(t, 1, 4)
		other.expect(t, 1, 2, 3, 4, 5, 6)
		stop(t, s)
		if n := strings.Count(log.String(), "skipped a scheduled time: the last run is still in progress"); n != 4 {
			t.Errorf("%d skipped times are logged, not those of 2, 3, 5 and 6:\n%s", n, &log)
		}
	})
}

func TestScheduler_Overlaps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := &diary{do: func(context.Context) error { <-time.After(150 * time.Minute); return nil }}
		s := started(t, schedule.Options{Entries: []schedule.Entry{{Name: "slow", Cron: "@hourly", Run: slow.run, Overlaps: true}}})
		pass(3*time.Hour + time.Minute)
		if err := s.RunNow("slow"); err != nil {
			t.Error(err)
		}
		pass(0)
		stop(t, s) // after all of them
		slow.expect(t, 1, 2, 3, 3+1.0/60)
		if at := time.Now().UTC(); at.Hour() != 5 || at.Minute() != 31 {
			t.Errorf("stopped at %s", at)
		}
	})
}

func TestAPanicIsAnErrorOfThatRunAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		bad, good := &diary{}, &diary{}
		bad.do = func(context.Context) error {
			if len(bad.hours()) == 2 {
				var none []int
				_ = none[len(bad.times)]
			}
			panic("what +44 7700 900123 said")
		}
		s := started(t, schedule.Options{Log: slog.New(slog.NewTextHandler(&log, nil)), Entries: []schedule.Entry{
			{Name: "bad", Cron: "@hourly", Run: bad.run},
			{Name: "good", Cron: "@hourly", Run: good.run},
		}})
		pass(3 * time.Hour)
		bad.expect(t, 1, 2, 3)
		good.expect(t, 1, 2, 3)
		stop(t, s)
		for _, said := range []string{"panic with a string", "index out of range [2]", "scheduler_test.go"} {
			if !strings.Contains(log.String(), said) {
				t.Errorf("the log does not say %q:\n%s", said, &log)
			}
		}
		if strings.Contains(log.String(), "900123") {
			t.Errorf("the log tells what was said:\n%s", &log)
		}
	})
}

func TestAFailedRunIsLoggedAndTheNextOneRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		d := &diary{do: func(context.Context) error { return errors.New("no such table") }}
		s := started(t, schedule.Options{Log: slog.New(slog.NewTextHandler(&log, nil)), Entries: []schedule.Entry{{Name: "hourly", Cron: "@hourly", Run: d.run}}})
		pass(2 * time.Hour)
		stop(t, s)
		d.expect(t, 1, 2)
		if n := strings.Count(log.String(), `error="no such table"`); n != 2 {
			t.Errorf("%d errors are said:\n%s", n, &log)
		}
	})
}

func TestJitterDelaysARunByChance(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		s := started(t, schedule.Options{Entries: []schedule.Entry{{Name: "hourly", Cron: "@hourly", Jitter: 20 * time.Minute, Run: d.run}}})
		pass(200*time.Hour + 30*time.Minute)
		stop(t, s)
		if len(d.times) != 200 {
			t.Fatalf("%d runs in 200 hours", len(d.times))
		}
		early, late := 0, 0
		for i, at := range d.hours() {
			delay := time.Duration((at - float64(i+1)) * float64(time.Hour))
			switch {
			case delay < -time.Second || delay > 20*time.Minute+time.Second:
				t.Errorf("the run of hour %d started %v late", i+1, delay)
			case delay < 10*time.Minute:
				early++
			default:
				late++
			}
		}
		if early < 50 || late < 50 { // of 200; by chance about once in 10^12
			t.Errorf("%d delays in the first half, %d in the second", early, late)
		}
	})
}

func TestARunCanBeAskedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &diary{do: func(context.Context) error { <-time.After(10 * time.Minute); return nil }}
		s, err := schedule.New(schedule.Options{Entries: []schedule.Entry{{Name: "hourly", Cron: "@hourly", Run: d.run}}})
		if err != nil {
			t.Fatal(err)
		}
		ask := func(name string, want error) {
			t.Helper()
			if err := s.RunNow(name); !errors.Is(err, want) {
				t.Errorf("asked for %s, it says %v, not %v", name, err, want)
			}
		}
		ask("hourly", schedule.ErrStopped)
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(30 * time.Minute)
		ask("hourly", nil)
		ask("hourly", schedule.ErrRunning)
		ask("daily", schedule.ErrUnknown)
		pass(90 * time.Minute)
		d.expect(t, 0.5, 1, 2) // the timetable continues
		ask("hourly", schedule.ErrRunning)
		stop(t, s)
		ask("hourly", schedule.ErrStopped)
	})
}

func TestScheduler_Next(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, err := schedule.New(schedule.Options{Entries: []schedule.Entry{{Name: "nightly", Cron: "0 2 * * *", Location: zone(t, "Asia/Kolkata"), Run: (&diary{}).run}}})
		if err != nil {
			t.Fatal(err)
		}
		if slot, ok := s.Next("nightly"); !ok || !slot.Equal(time.Date(2000, 1, 1, 20, 30, 0, 0, time.UTC)) {
			t.Errorf("the next scheduled time is %v, %v", slot, ok)
		}
		if slot, ok := s.Next("weekly"); ok {
			t.Errorf("the next scheduled time of an unknown schedule is %v", slot)
		}
	})
}

func TestWhatIsWrongWithTheOptionsIsSaidAtOnce(t *testing.T) {
	t.Parallel()
	run := (&diary{}).run
	_, err := schedule.New(schedule.Options{Entries: []schedule.Entry{
		{Name: "fine", Cron: "@hourly", Run: run},
		{Name: "fine", Cron: "@daily", Run: run},
		{Name: "", Cron: "@daily", Run: run},
		{Name: "bad", Cron: "0 25 * * *", Run: run},
		{Name: "early", Cron: "@daily", Run: run, Jitter: -time.Second},
		{Name: "idle", Cron: "@daily"},
	}})
	for _, want := range []string{`"fine": another schedule`, `"": it has no name`, `"bad": a field`, `"early": its jitter`, `"idle": it has no function`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not said: %v", want, err)
		}
	}
}

func storeIn(t testing.TB) func() schedule.Store {
	path := filepath.Join(t.TempDir(), "schedule.json")
	return func() schedule.Store { return openStore(t, path) }
}
