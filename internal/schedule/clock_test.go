package schedule_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"convsync/internal/schedule"
)

// watchThatIsSet is the time of day, wrong by an offset.
type watchThatIsSet struct{ offset atomic.Int64 }

func (w *watchThatIsSet) set(offset time.Duration) { w.offset.Store(int64(offset)) }

func (w *watchThatIsSet) now() time.Time {
	return time.Now().Round(0).Add(time.Duration(w.offset.Load()))
}

// The clock shows another time while the scheduler runs. Hours are those that
// passed.
func TestClockSet(t *testing.T) {
	t.Parallel()
	const back, forward = "the clock was set back;", "the clock was set forward"
	for name, c := range map[string]struct {
		before, after   time.Duration // offsets of the clock, set after 2 h 30 min
		hourly, nightly []float64     // nightly is at 02:00
		said            map[string]int
	}{
		"Right": {
			hourly: []float64{1, 2, 3, 4, 5}, nightly: []float64{2},
			said: map[string]int{back: 0, forward: 0, "is dropped": 0},
		},
		"StartedADayAhead": {
			before: 24 * time.Hour, hourly: []float64{1, 2, 3, 4, 5}, nightly: []float64{2},
			said: map[string]int{back: 1, forward: 0, "is dropped": 2},
		},
		"BackByTwoHours": { // the night comes a second time
			after: -2 * time.Hour, hourly: []float64{1, 2, 3, 4, 5}, nightly: []float64{2, 4},
			said: map[string]int{back: 1, forward: 0, "is dropped": 2},
		},
		"StartedAYearAhead": {
			before: 400 * 24 * time.Hour, hourly: []float64{1, 2, 3, 4, 5}, nightly: []float64{2},
			said: map[string]int{back: 1, forward: 0, "is dropped": 2},
		},
		"BackByHalfAMinute": {
			before: 30 * time.Second, hourly: []float64{59.5 / 60, 1 + 59.5/60, 3, 4, 5}, nightly: []float64{1 + 59.5/60},
			said: map[string]int{back: 0, forward: 0, "is dropped": 0},
		},
		"ForwardByADay": { // what was skipped is caught up once
			before: -24 * time.Hour, hourly: []float64{1, 2, 151. / 60, 3, 4, 5}, nightly: []float64{2, 151. / 60},
			said: map[string]int{back: 0, forward: 1, "running the last one now": 2},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				hourly, nightly, clock, store := &diary{}, &diary{}, &watchThatIsSet{}, storeIn(t)()
				clock.set(c.before)
				s, err := schedule.New(schedule.Options{Store: store, Log: slog.New(slog.NewTextHandler(&log, nil)), Entries: []schedule.Entry{
					{Name: "hourly", Cron: "@hourly", Run: hourly.run},
					{Name: "nightly", Cron: "0 2 * * *", Run: nightly.run},
				}})
				if err != nil {
					t.Fatal(err)
				}
				schedule.SetClock(s, clock.now)
				if err := s.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				pass(150 * time.Minute)
				clock.set(c.after)
				next, _ := s.Next("hourly")
				pass(150*time.Minute + time.Second)
				stop(t, s)
				hourly.expect(t, c.hourly...)
				nightly.expect(t, c.nightly...)
				if left := next.Sub(clock.now()) + 150*time.Minute; left < 0 || left > time.Hour {
					t.Errorf("after the clock was set, the page shows %v as the next run", next)
				}
				for text, want := range c.said {
					if n := strings.Count(log.String(), text); n != want {
						t.Errorf("%q is logged %d times, not %d:\n%s", text, n, want, &log)
					}
				}
				if noted, err := store.Last(t.Context(), "hourly"); err != nil || noted.Sub(clock.now()).Abs() > time.Hour {
					t.Errorf("noted is %v, %v", noted, err)
				}
			})
		})
	}
}

// At the start, a stored scheduled time in the future was stored by a clock
// that was ahead, unless it is ahead by less than a minute.
func TestClockSetWhileDown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ahead   time.Duration
		hours   []float64
		dropped int
	}{
		"ALittle": {15 * time.Second, []float64{2, 3}, 0},
		"Hours":   {2 * time.Hour, []float64{1, 2, 3}, 1},
		"Months":  {90 * 24 * time.Hour, []float64{1, 2, 3}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				pass(time.Hour - 15*time.Second)
				d, store := &diary{}, storeIn(t)()
				note(t, store, "hourly", time.Now().Add(c.ahead))
				s := started(t, schedule.Options{Store: store, Log: slog.New(slog.NewTextHandler(&log, nil)), Entries: []schedule.Entry{
					{Name: "hourly", Cron: "@hourly", Run: d.run},
				}})
				if slot, ok := s.Next("hourly"); !ok || slot.Sub(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).Hours() != c.hours[0] {
					t.Errorf("the next scheduled time is %v, %v", slot, ok)
				}
				pass(2*time.Hour + time.Minute)
				stop(t, s)
				d.expect(t, c.hours...)
				if n := strings.Count(log.String(), "is dropped"); n != c.dropped {
					t.Errorf("%d warnings, not %d:\n%s", n, c.dropped, &log)
				}
			})
		})
	}
}
