package ratelimit

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/semaphore"
)

// TestRun_SharedRate has two runs with one key, one of them with many projects.
func TestRun_SharedRate(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{1, 5, 50} {
		synctest.Test(t, func(t *testing.T) {
			b := NewBudget(BudgetOptions{PerSecond: rate})
			var both sync.WaitGroup
			var many, one *usage
			both.Go(func() {
				many = use(t, b.NewRun(), map[string]int{"a": 20, "b": 20, "c": 20}, 20*time.Second, 200*time.Millisecond, fine)
			})
			both.Go(func() { one = use(t, b.NewRun(), map[string]int{"d": 20}, 20*time.Second, 200*time.Millisecond, fine) })
			both.Wait()
			starts := len(many.starts) + len(one.starts)
			all := merged(many, one)
			if most := all.busiest(time.Second); float64(most) > rate {
				t.Errorf("at %g a second, %d within one", rate, most)
			}
			if float64(starts) < 20*rate*0.95 {
				t.Errorf("at %g a second, %d in 20", rate, starts)
			}
			if n := float64(len(one.starts)); n < 0.4*float64(starts) {
				t.Errorf("one run has %g of %d requests", n, starts)
			}
		})
	}
}

// merged has the starts of two usages in order.
func merged(a, b *usage) *usage {
	all := &usage{}
	i, j := 0, 0
	for i < len(a.starts) || j < len(b.starts) {
		if j == len(b.starts) || i < len(a.starts) && a.starts[i].Before(b.starts[j]) {
			all.starts = append(all.starts, a.starts[i])
			i++
		} else {
			all.starts = append(all.starts, b.starts[j])
			j++
		}
	}
	return all
}

// TestRun_NoPermit has a run without a free permit, which must not delay another
// run with the same key.
func TestRun_NoPermit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(BudgetOptions{PerSecond: 5})
		permits := semaphore.NewWeighted(1)
		stuck := b.NewRun()
		ctx, cancel := context.WithCancel(t.Context())
		var waiting sync.WaitGroup
		if _, err := stuck.Take(ctx, "a", permits, always); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			waiting.Go(func() { _, _ = stuck.Take(ctx, "a", permits, always) })
		}
		synctest.Wait()
		if u := use(t, b.NewRun(), map[string]int{"b": 10}, 10*time.Second, 100*time.Millisecond, fine); len(u.starts) < 48 {
			t.Errorf("the other run started %d requests in 10 s", len(u.starts))
		}
		cancel()
		waiting.Wait()
	})
}

func TestBudget_Configure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(BudgetOptions{PerSecond: 5})
		run := b.NewRun()
		use(t, run, map[string]int{"a": 9}, time.Second, time.Millisecond, fine)
		b.Configure(BudgetOptions{PerSecond: 2})
		u := use(t, run, map[string]int{"a": 9}, 10*time.Second, time.Millisecond, fine)
		if most := u.busiest(time.Second); most > 2 {
			t.Errorf("%d requests within a second", most)
		}
	})
}
