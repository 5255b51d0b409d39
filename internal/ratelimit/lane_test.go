package ratelimit

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/semaphore"
)

// useLane sends requests of a lane for the duration lasts, one after the other per
// worker. Each takes the given time after its response.
func useLane(t *testing.T, l *Lane, workers int, lasts, takes time.Duration, answer func() (time.Duration, Result)) *usage {
	t.Helper()
	u, began := &usage{}, time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), lasts)
	defer cancel()
	permits := semaphore.NewWeighted(int64(workers))
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for {
				request, err := l.Take(ctx, permits, always)
				if err != nil {
					return
				}
				u.mu.Lock()
				if request.Started().Sub(began) < lasts { // not at the very moment of the end
					u.starts = append(u.starts, request.Started())
				}
				u.mu.Unlock()
				pause, result := answer()
				request.Answered(result, pause)
				_ = Sleep(ctx, takes)
				request.End()
			}
		})
	}
	all.Wait()
	return u
}

func TestLaneShare(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rate, share float64
		run         bool // a run uses the rest
	}{{5, 0.2, true}, {5, 0.2, false}, {50, 0.2, true}, {1, 0.2, true}, {5, 0.5, false}, {5, 1, false}} {
		synctest.Test(t, func(t *testing.T) {
			b := NewBudget(BudgetOptions{PerSecond: c.rate})
			l := b.NewLane(c.share)
			var both sync.WaitGroup
			var sync, audio *usage
			if c.run {
				both.Go(func() {
					sync = use(t, b.NewRun(), map[string]int{"a": 30, "b": 2}, time.Minute, 200*time.Millisecond, fine)
				})
			}
			both.Go(func() { audio = useLane(t, l, 8, time.Minute, time.Millisecond, fine) })
			both.Wait()
			most := 60 * c.rate * c.share
			if n := float64(len(audio.starts)); n > most || n < 0.95*most-2 {
				t.Errorf("%+v: the lane started %g requests in a minute, want %g", c, n, most)
			}
			if most := audio.busiest(time.Second); float64(most) > 2+1.4*c.rate*c.share {
				t.Errorf("%+v: the lane started %d requests within a second", c, most)
			}
			if c.run && float64(len(sync.starts)) < 0.98*60*c.rate*(1-c.share) {
				t.Errorf("%+v: the run started %d requests in a minute", c, len(sync.starts))
			}
		})
	}
}

func TestLaneUnlimited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := NewBudget(BudgetOptions{}).NewLane(0.2)
		if u := useLane(t, l, 2, time.Second, 10*time.Millisecond, fine); len(u.starts) < 198 || l.Limited() {
			t.Errorf("%d requests in a second", len(u.starts))
		}
	})
}

// TestLanePause: a pause of a run stops the lane, and one of the lane stops the run.
func TestLanePause(t *testing.T) {
	t.Parallel()
	const wait = 20 * time.Second
	for _, byLane := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := NewBudget(BudgetOptions{PerSecond: 5})
			l, run := b.NewLane(0.2), b.NewRun()
			var first *Request
			var err error
			if byLane {
				first, err = l.Take(t.Context(), anyPermits, always)
			} else {
				first, err = take(t.Context(), run, "a")
			}
			if err != nil {
				t.Fatal(err)
			}
			first.Answered(Limited, wait)
			first.End()
			began := time.Now()
			var both sync.WaitGroup
			both.Go(func() { _, err = l.Take(t.Context(), anyPermits, always) })
			both.Go(func() { _, _ = take(t.Context(), run, "a") })
			both.Wait()
			if took := time.Since(began); err != nil || took < wait {
				t.Errorf("by the lane %t: after %s, %v", byLane, took, err)
			}
		})
	}
}

// TestLaneLowerRate: the share is one of the rate that is allowed after a 429.
func TestLaneLowerRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(BudgetOptions{PerSecond: 10})
		l := b.NewLane(0.2)
		first, err := l.Take(t.Context(), anyPermits, always)
		if err != nil {
			t.Fatal(err)
		}
		first.Answered(Limited, 0)
		first.End()
		failed := func() (time.Duration, Result) { return 0, Failed } // so the rate does not rise
		if u := useLane(t, l, 4, time.Minute, time.Millisecond, failed); len(u.starts) > 72 || len(u.starts) < 68 {
			t.Errorf("%d requests in a minute, want a fifth of 6 per second", len(u.starts))
		}
	})
}

// TestLaneDownloads: a download of an hour counts as in flight only until it is
// answered, but keeps its permit.
func TestLaneDownloads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(BudgetOptions{InFlight: 2})
		l := b.NewLane(0.2)
		permits := semaphore.NewWeighted(2)
		for range 2 {
			request, err := l.Take(t.Context(), permits, always)
			if err != nil {
				t.Fatal(err)
			}
			request.Answered(Accepted, 0)
			defer request.End()
		}
		if u := use(t, b.NewRun(), map[string]int{"a": 2}, time.Second, 100*time.Millisecond, fine); u.most != 2 || len(u.starts) < 18 {
			t.Errorf("%d requests, %d at once next to two downloads", len(u.starts), u.most)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := l.Take(ctx, permits, always); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a third download: %v", err)
		}
	})
}

// TestLaneLatency: slow responses of the host of recordings do not narrow a run.
func TestLaneLatency(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(BudgetOptions{InFlight: 16})
		use(t, b.NewRun(), map[string]int{"a": 16}, 10*time.Second, 200*time.Millisecond, fine)
		slow := func() (time.Duration, Result) {
			_ = Sleep(t.Context(), 5*time.Second)
			return 0, Accepted
		}
		useLane(t, b.NewLane(0.2), 4, time.Minute, time.Millisecond, slow)
		if u := use(t, b.NewRun(), map[string]int{"a": 16}, time.Second, 200*time.Millisecond, fine); u.most != 16 {
			t.Errorf("%d requests in flight after slow recordings", u.most)
		}
	})
}

func TestLaneStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := NewBudget(BudgetOptions{PerSecond: 5}).NewLane(0.001)
		first, err := l.Take(t.Context(), anyPermits, always)
		if err != nil {
			t.Fatal(err)
		}
		first.End()
		began, stopped := time.Now(), errors.New("stopped")
		stop := func() error {
			if time.Since(began) >= 3*time.Second {
				return stopped
			}
			return nil
		}
		if _, err := l.Take(t.Context(), anyPermits, stop); !errors.Is(err, stopped) || time.Since(began) != 3*time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
	})
}

func TestLaneLongPause(t *testing.T) {
	t.Parallel()
	l := NewBudget(BudgetOptions{}).NewLane(0.2)
	first, err := l.Take(t.Context(), anyPermits, always)
	if err != nil {
		t.Fatal(err)
	}
	first.Answered(Overloaded, 2*MaxPause)
	first.End()
	var long *PauseError
	if _, err := l.Take(t.Context(), anyPermits, always); !errors.As(err, &long) {
		t.Error(err)
	}
}
