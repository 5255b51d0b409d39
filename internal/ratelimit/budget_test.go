package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/semaphore"
)

// anyPermits is a semaphore that never blocks.
var anyPermits = semaphore.NewWeighted(math.MaxInt64)

// always never stops a request.
func always() error { return nil }

func take(ctx context.Context, b *Run, project string) (*Request, error) {
	return b.Take(ctx, project, anyPermits, always)
}

// usage records the requests that a budget admitted.
type usage struct {
	mu       sync.Mutex
	starts   []time.Time
	by       map[string]int
	inFlight int
	most     int
}

// ask sends one request of a project that takes the given time. answer returns
// the pause that the source asks for, and the result.
func (u *usage) ask(ctx context.Context, b *Run, project string, takes time.Duration, answer func() (time.Duration, Result)) error {
	request, err := take(ctx, b, project)
	if err != nil {
		return err
	}
	u.mu.Lock()
	u.starts = append(u.starts, time.Now())
	u.by[project]++
	u.inFlight++
	u.most = max(u.most, u.inFlight)
	u.mu.Unlock()
	err = Sleep(ctx, takes)
	u.mu.Lock()
	if err == nil {
		pause, result := answer()
		request.Answered(result, pause)
	}
	u.inFlight--
	u.mu.Unlock()
	request.End()
	return err
}

func fine() (time.Duration, Result) { return 0, Accepted }

// busiest returns the maximum number of starts within any window.
func (u *usage) busiest(window time.Duration) (most int) {
	first := 0
	for i, at := range u.starts {
		for at.Sub(u.starts[first]) >= window {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// use sends requests for the duration lasts, with the given number of workers per
// project.
func use(t *testing.T, b *Run, workers map[string]int, lasts, takes time.Duration, answer func() (time.Duration, Result)) *usage {
	t.Helper()
	u := &usage{by: map[string]int{}}
	ctx, cancel := context.WithTimeout(t.Context(), lasts)
	defer cancel()
	var all sync.WaitGroup
	for project, n := range workers {
		for range n {
			all.Go(func() {
				for u.ask(ctx, b, project, takes, answer) == nil {
				}
			})
		}
	}
	all.Wait()
	return u
}

func TestBudgetRate(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{0.5, 1, 2, 5, 10, 50} {
		for _, adaptive := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				b := NewBudget(BudgetOptions{PerSecond: rate, Adaptive: adaptive}).NewRun()
				u := use(t, b, map[string]int{"a": 60, "b": 3}, 20*time.Second, 200*time.Millisecond, fine)
				if most := u.busiest(time.Second); float64(most) > max(1, rate) {
					t.Errorf("at %g a second, %d within one", rate, most)
				}
				if got := float64(len(u.starts)); got < 20*rate*0.95 {
					t.Errorf("at %g a second, %g in 20", rate, got)
				}
			})
		}
	}
}

func TestBudgetAdaptive(t *testing.T) {
	t.Parallel()
	for _, adaptive := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := NewBudget(BudgetOptions{PerSecond: 5, Adaptive: adaptive}).NewRun()
			u := use(t, b, map[string]int{"a": 30}, 5*time.Minute, 100*time.Millisecond, fine)
			if beyond := u.busiest(time.Second) > 5; beyond != adaptive {
				t.Errorf("adaptive %t, rate exceeded: %t", adaptive, beyond)
			}
		})
	}
}

func TestBudgetPause(t *testing.T) {
	t.Parallel()
	for _, result := range []Result{Limited, Overloaded} {
		synctest.Test(t, func(t *testing.T) {
			const pause = 17 * time.Second
			b := NewBudget(BudgetOptions{PerSecond: 5}).NewRun()
			n, said := 0, time.Time{}
			u := use(t, b, map[string]int{"a": 4, "b": 4}, time.Minute, 200*time.Millisecond, func() (time.Duration, Result) {
				if n++; n != 10 {
					return 0, Accepted
				}
				said = time.Now()
				return pause, result
			})
			for _, at := range u.starts {
				if at.After(said) && at.Before(said.Add(pause)) {
					t.Errorf("sent a request %s after result %d that asks to wait %s", at.Sub(said), result, pause)
				}
			}
			if last := u.starts[len(u.starts)-1]; last.Before(said.Add(pause)) {
				t.Error("no request was sent after the pause")
			}
		})
	}
}

func TestBudgetLongPause(t *testing.T) {
	t.Parallel()
	b := NewBudget(BudgetOptions{}).NewRun()
	first, err := take(t.Context(), b, "a")
	if err != nil {
		t.Fatal(err)
	}
	first.Answered(Limited, 2*time.Hour)
	first.End()
	var long *PauseError
	if _, err := take(t.Context(), b, "b"); !errors.As(err, &long) || long.Left <= MaxPause {
		t.Errorf("%v", err)
	}
}

func TestBudgetInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(BudgetOptions{InFlight: 6}).NewRun()
		if u := use(t, b, map[string]int{"a": 20}, 10*time.Second, 100*time.Millisecond, fine); u.most != 6 {
			t.Errorf("%d requests in flight, limit 6", u.most)
		}
		overloaded := func() (time.Duration, Result) { return 0, Overloaded }
		use(t, b, map[string]int{"a": 20}, 10*time.Second, 100*time.Millisecond, overloaded)
		if u := use(t, b, map[string]int{"a": 20}, 50*time.Millisecond, 100*time.Millisecond, fine); u.most != 1 {
			t.Errorf("%d requests in flight after only 503", u.most)
		}
		use(t, b, map[string]int{"a": 20}, time.Minute, 100*time.Millisecond, fine)
		if u := use(t, b, map[string]int{"a": 20}, time.Second, 100*time.Millisecond, fine); u.most != 6 {
			t.Errorf("%d requests in flight after a minute without errors", u.most)
		}
	})
}

func TestBudgetSlowResponses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(BudgetOptions{InFlight: 16}).NewRun()
		use(t, b, map[string]int{"a": 16}, 10*time.Second, 200*time.Millisecond, fine)
		use(t, b, map[string]int{"a": 16}, 30*time.Second, 3*time.Second, fine)
		if u := use(t, b, map[string]int{"a": 16}, time.Second, 3*time.Second, fine); u.most > 8 {
			t.Errorf("%d requests in flight although responses take 15 times as long", u.most)
		}
	})
}

func TestBudgetFairness(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(BudgetOptions{PerSecond: 10}).NewRun()
		u := use(t, b, map[string]int{"dense": 40, "quiet": 4}, time.Minute, 200*time.Millisecond, fine)
		if difference := math.Abs(float64(u.by["dense"] - u.by["quiet"])); difference > 30 { // of 600
			t.Errorf("unequal shares: %v", u.by)
		}
	})
}

func TestBudgetCanceledWaiter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(BudgetOptions{InFlight: 1}).NewRun()
		first, err := take(t.Context(), b, "a")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var stopped sync.WaitGroup
		for i := range 9 {
			stopped.Go(func() {
				if _, err := take(ctx, b, fmt.Sprint(i%2)); err == nil {
					t.Error("a request was admitted although the maximum was in flight")
				}
			})
		}
		synctest.Wait()
		cancel()
		stopped.Wait()
		first.End()
		if _, err := take(t.Context(), b, "b"); err != nil {
			t.Error(err)
		}
	})
}

// The source accepts less than the configured rate: after a while few requests are
// answered with 429, and most of the accepted rate is used.
func TestBudgetLearnsRate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ set, accepted float64 }{{10, 10}, {10, 7}, {10, 2}, {5, 1}, {0, 20}, {0, 3}} {
		t.Run(fmt.Sprintf("%g accepted of %g", c.accepted, c.set), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := NewBudget(BudgetOptions{PerSecond: c.set, InFlight: 8}).NewRun()
				source := &limited{perSecond: c.accepted, tokens: c.accepted, at: time.Now()}
				use(t, b, map[string]int{"a": 8}, time.Minute, 200*time.Millisecond, source.answer)
				source.refused = 0
				u := use(t, b, map[string]int{"a": 8}, 10*time.Minute, 200*time.Millisecond, source.answer)
				if share := float64(source.refused) / float64(len(u.starts)); share > 0.03 {
					t.Errorf("%.1f %% of %d requests were answered 429", 100*share, len(u.starts))
				}
				if used := float64(len(u.starts)) / 600 / c.accepted; used < 0.75 {
					t.Errorf("%.0f %% of the accepted rate was used", 100*used)
				}
			})
		})
	}
}

// However many 429 the source returned before, its pauses have ended.
func TestBudgetRecovers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(BudgetOptions{PerSecond: 5, InFlight: 8}).NewRun()
		use(t, b, map[string]int{"a": 8}, 20*time.Minute, 200*time.Millisecond, func() (time.Duration, Result) { return time.Minute, Limited })
		u := use(t, b, map[string]int{"a": 8}, 10*time.Minute, 200*time.Millisecond, fine)
		last, end := 0, u.starts[len(u.starts)-1]
		for _, at := range u.starts {
			if end.Sub(at) < time.Minute {
				last++
			}
		}
		if last < 250 {
			t.Errorf("ten minutes later, %d requests in a minute", last)
		}
	})
}

// limited is a source that accepts a number of requests per second, all of which
// may be in one burst, and answers 429 to others.
type limited struct {
	mu        sync.Mutex
	perSecond float64
	tokens    float64
	at        time.Time
	refused   int
}

func (l *limited) answer() (time.Duration, Result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.tokens = min(max(l.perSecond, 1), l.tokens+l.perSecond*now.Sub(l.at).Seconds())
	l.at = now
	if l.tokens >= 1 {
		l.tokens--
		return 0, Accepted
	}
	l.refused++
	return time.Duration(math.Ceil((1-l.tokens)/l.perSecond)) * time.Second, Limited
}

func TestPermitAcquiredLast(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const pause = 17 * time.Second
		permits := semaphore.NewWeighted(1)
		b := NewBudget(BudgetOptions{PerSecond: 5}).NewRun()
		first, err := b.Take(t.Context(), "a", permits, always)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		var second *Request
		var waiting sync.WaitGroup
		waiting.Go(func() { second, err = b.Take(t.Context(), "a", permits, always) })
		if err := Sleep(t.Context(), time.Second); err != nil { // until the second one waits for the permit only
			t.Fatal(err)
		}
		first.Answered(Limited, pause)
		first.End()
		synctest.Wait()
		if !permits.TryAcquire(1) {
			t.Fatal("a request that waits for a pause holds a permit")
		}
		permits.Release(1)
		waiting.Wait()
		if err != nil {
			t.Fatal(err)
		}
		if waited := second.started.Sub(began); waited < pause+time.Second {
			t.Errorf("started after %s, before the end of the pause that began while it waited for a permit", waited)
		}
		second.End()
	})
}
