package extract

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"convsync/internal/polyai"
	"convsync/internal/ratelimit"
)

// What a session learned about the source ends with it, also if a later session
// uses the same budget.
func TestSessionSharedBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		budget := ratelimit.NewBudget(ratelimit.BudgetOptions{PerSecond: 5})
		for run := range 3 {
			source, session := &away{}, NewSession(budget)
			for range 2 {
				_, err := readerOf(source, "a", session, anyPermits).page(t.Context(), polyai.ListQuery{}, nil)
				if !errors.Is(err, errAskLater) {
					t.Errorf("run %d: %v", run, err)
				}
			}
			if got := source.asked.Load(); got != firstAttempts {
				t.Errorf("run %d tried to reach the source %d times, want %d", run, got, firstAttempts)
			}
			for session.account("a").mayRetry() {
			}
		}
	})
}

// TestSessionUse replaces the budget while a request waits for the old one, whose
// source asked for a long pause.
func TestSessionUse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		old, renewed := ratelimit.NewBudget(ratelimit.BudgetOptions{PerSecond: 1}), ratelimit.NewBudget(ratelimit.BudgetOptions{PerSecond: 1})
		session := NewSession(old)
		began := time.Now()
		for range 2 {
			request, err := session.take(t.Context(), "a", anyPermits)
			if err != nil {
				t.Fatal(err)
			}
			request.Answered(ratelimit.Limited, 10*time.Second)
			request.End()
			if old == session.budget {
				time.AfterFunc(5*time.Second, func() { session.Use(renewed) })
			}
		}
		if _, _, inFlight := renewed.Use(time.Now()); session.budget != renewed || inFlight != 0 {
			t.Errorf("the budget was not replaced, or %d requests are in flight", inFlight)
		}
		if waited := time.Since(began); waited != 10*time.Second {
			t.Errorf("the second request began after %s", waited)
		}
		if n, _, _ := renewed.Use(time.Now()); n != 0.1 {
			t.Errorf("%g requests per second of the new budget", n)
		}
	})
}
