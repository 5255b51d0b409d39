package ratelimit

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

func TestFairLockOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var line fairLock[string]
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
