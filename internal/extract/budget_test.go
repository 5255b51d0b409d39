package extract

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/semaphore"
	"pgregory.net/rapid"

	"convsync/internal/polyai"
)

// errLimited is a 429 without Retry-After.
var errLimited = &polyai.APIError{Status: http.StatusTooManyRequests}

// anyPermits is a semaphore that never blocks.
var anyPermits = semaphore.NewWeighted(math.MaxInt64)

// usage records the requests that a budget admitted.
type usage struct {
	mu       sync.Mutex
	starts   []time.Time
	by       map[string]int
	inFlight int
	most     int
}

// ask sends one request of a project that takes the given time. answer returns
// the pause that the source asks for, and the error.
func (u *usage) ask(ctx context.Context, b *Budget, project string, takes time.Duration, answer func() (time.Duration, error)) error {
	request, err := b.take(ctx, project, anyPermits)
	if err != nil {
		return err
	}
	u.mu.Lock()
	u.starts = append(u.starts, time.Now())
	u.by[project]++
	u.inFlight++
	u.most = max(u.most, u.inFlight)
	u.mu.Unlock()
	err = sleep(ctx, takes)
	u.mu.Lock()
	if err == nil {
		pause, said := answer()
		request.answered(said, pause)
	}
	u.inFlight--
	u.mu.Unlock()
	request.end()
	return err
}

func fine() (time.Duration, error) { return 0, nil }

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
func use(t *testing.T, b *Budget, workers map[string]int, lasts, takes time.Duration, answer func() (time.Duration, error)) *usage {
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
				b := NewBudget(BudgetOptions{PerSecond: rate, Adaptive: adaptive})
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
			b := NewBudget(BudgetOptions{PerSecond: 5, Adaptive: adaptive})
			u := use(t, b, map[string]int{"a": 30}, 5*time.Minute, 100*time.Millisecond, fine)
			if beyond := u.busiest(time.Second) > 5; beyond != adaptive {
				t.Errorf("adaptive %t, rate exceeded: %t", adaptive, beyond)
			}
		})
	}
}

func TestBudgetPause(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		synctest.Test(t, func(t *testing.T) {
			const pause = 17 * time.Second
			b := NewBudget(BudgetOptions{PerSecond: 5})
			n, said := 0, time.Time{}
			u := use(t, b, map[string]int{"a": 4, "b": 4}, time.Minute, 200*time.Millisecond, func() (time.Duration, error) {
				if n++; n != 10 {
					return 0, nil
				}
				said = time.Now()
				return pause, &polyai.APIError{Status: status}
			})
			for _, at := range u.starts {
				if at.After(said) && at.Before(said.Add(pause)) {
					t.Errorf("sent a request %s after a %d that asks to wait %s", at.Sub(said), status, pause)
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
	b := NewBudget(BudgetOptions{})
	first, err := b.take(t.Context(), "a", anyPermits)
	if err != nil {
		t.Fatal(err)
	}
	first.answered(errLimited, 2*time.Hour)
	first.end()
	if _, err := b.take(t.Context(), "b", anyPermits); !errors.Is(err, errAskLater) {
		t.Errorf("%v", err)
	}
}

func TestBudgetInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(BudgetOptions{InFlight: 6})
		if u := use(t, b, map[string]int{"a": 20}, 10*time.Second, 100*time.Millisecond, fine); u.most != 6 {
			t.Errorf("%d requests in flight, limit 6", u.most)
		}
		overloaded := func() (time.Duration, error) { return 0, &polyai.APIError{Status: 503} }
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
		b := NewBudget(BudgetOptions{InFlight: 16})
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
		b := NewBudget(BudgetOptions{PerSecond: 10})
		u := use(t, b, map[string]int{"dense": 40, "quiet": 4}, time.Minute, 200*time.Millisecond, fine)
		if difference := math.Abs(float64(u.by["dense"] - u.by["quiet"])); difference > 30 { // of 600
			t.Errorf("unequal shares: %v", u.by)
		}
	})
}

func TestBudgetCanceledWaiter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(BudgetOptions{InFlight: 1})
		first, err := b.take(t.Context(), "a", anyPermits)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var stopped sync.WaitGroup
		for i := range 9 {
			stopped.Go(func() {
				if _, err := b.take(ctx, fmt.Sprint(i%2), anyPermits); err == nil {
					t.Error("a request was admitted although the maximum was in flight")
				}
			})
		}
		synctest.Wait()
		cancel()
		stopped.Wait()
		first.end()
		if _, err := b.take(t.Context(), "b", anyPermits); err != nil {
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
				b := NewBudget(BudgetOptions{PerSecond: c.set, InFlight: 8})
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
		b := NewBudget(BudgetOptions{PerSecond: 5, InFlight: 8})
		use(t, b, map[string]int{"a": 8}, 20*time.Minute, 200*time.Millisecond, func() (time.Duration, error) { return time.Minute, errLimited })
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

func (l *limited) answer() (time.Duration, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.tokens = min(max(l.perSecond, 1), l.tokens+l.perSecond*now.Sub(l.at).Seconds())
	l.at = now
	if l.tokens >= 1 {
		l.tokens--
		return 0, nil
	}
	l.refused++
	return time.Duration(math.Ceil((1-l.tokens)/l.perSecond)) * time.Second, errLimited
}

// TestPaceBounds checks the limits of the pace for random sequences of responses.
func TestPaceBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		set := rapid.SampledFrom([]float64{0, 0.1, 1, 5, 10, 1000}).Draw(t, "set")
		p := newPace(BudgetOptions{PerSecond: set, InFlight: 8})
		now := june(1, 0, 0).Time()
		starts := []time.Time{}
		for range rapid.IntRange(1, 60).Draw(t, "answers") {
			started := now
			starts = append(starts, started)
			now = now.Add(time.Duration(rapid.IntRange(1, 40_000).Draw(t, "ms")) * time.Millisecond)
			p.wait(starts, now)
			switch rapid.SampledFrom([]string{"fine", "fine", "limited", "overloaded"}).Draw(t, "answer") {
			case "fine":
				p.answered(started, now)
			case "limited":
				p.limited(started, now, starts)
			case "overloaded":
				p.overloaded(started, now)
			}
			if n := p.inFlight(); n < 1 || n > 8 {
				t.Fatalf("%d in flight", n)
			}
			if p.rate <= 0 || math.IsNaN(p.rate) || set > 0 && p.rate > set || p.rate > p.ceiling {
				t.Fatalf("a rate of %g, up to %g, where %g is set", p.rate, p.ceiling, set)
			}
		}
	})
}

func TestAccountRetries(t *testing.T) {
	t.Parallel()
	b := newAccount()
	allowed := 0
	for range 1000 {
		b.requests.Add(1)
		if b.mayRetry() {
			b.requests.Add(1)
			allowed++
		}
	}
	if allowed < 500 {
		t.Errorf("only %d retries in 1000 requests", allowed)
	}
	drained := newAccount()
	for range freeRetries {
		drained.mayRetry()
	}
	if drained.mayRetry() {
		t.Error("retries without requests are not bounded")
	}
}

func TestFairLockOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var line fairLock
		if err := line.wait(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		var got []string
		var done sync.WaitGroup
		for _, who := range []string{"a1", "a2", "a3", "b1", "c1", "b2"} {
			done.Go(func() {
				if line.wait(t.Context(), who[:1]) == nil {
					got = append(got, who)
					line.pass()
				}
			})
			synctest.Wait()
		}
		line.pass()
		done.Wait()
		if want := []string{"a1", "b1", "c1", "a2", "b2", "a3"}; !slices.Equal(got, want) {
			t.Errorf("the turns went to %v, want %v", got, want)
		}
	})
}
