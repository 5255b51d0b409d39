package extract

import (
	"errors"
	"testing"
	"testing/synctest"

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
