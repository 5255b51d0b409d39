package pipeline

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// acquireAll acquires single permits until none is free, and returns their number.
func acquireAll(s *Share) (n int64) {
	for s.TryAcquire(1) {
		n++
	}
	return n
}

func TestPool_Shares(t *testing.T) {
	t.Parallel()
	p := NewPool(4)
	first := p.Join()
	if n := acquireAll(first); n != 4 {
		t.Errorf("one run alone has %d of 4", n)
	}
	second := p.Join()
	if n := acquireAll(second); n != 2 {
		t.Errorf("the second of two runs has %d of 4", n)
	}
	first.Release(2)
	if n := acquireAll(first); n != 0 {
		t.Errorf("the first of two runs has %d more than its share", n)
	}
	third := p.Join()
	if n := acquireAll(third); n != 1 {
		t.Errorf("the third of three runs has %d of 4", n)
	}
	second.Release(2)
	second.Leave()
	third.Release(1)
	third.Leave()
	if n := acquireAll(first); n != 2 {
		t.Errorf("alone again, the first one has %d more", n)
	}
	p.Resize(6)
	if n := acquireAll(first); n != 2 {
		t.Errorf("of 6, the first one has %d more", n)
	}
}

func TestPool_Wait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(2)
		first, second := p.Join(), p.Join()
		if err := first.Acquire(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		var got int
		for range 2 {
			go func() {
				if first.Acquire(t.Context(), 1) == nil {
					got++
				}
			}()
		}
		ctx, cancel := context.WithCancel(t.Context())
		canceled := make(chan error, 1)
		go func() { canceled <- first.Acquire(ctx, 1) }()
		synctest.Wait()
		cancel()
		if err := <-canceled; !errors.Is(err, context.Canceled) || got != 0 {
			t.Errorf("%v, and %d acquired more than the share", err, got)
		}
		second.Leave() // the share grows
		synctest.Wait()
		if got != 1 {
			t.Errorf("%d acquired when the share grew by one", got)
		}
		first.Release(1)
		synctest.Wait()
		if got != 2 {
			t.Errorf("%d acquired after a release", got)
		}
	})
}

// TestPool_Large has a claim of more than the share. It is alone, and later
// small claims do not overtake it.
func TestPool_Large(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(10)
		s := p.Join()
		p.Join()
		if !s.TryAcquire(4) {
			t.Fatal("4 of 5 are not free")
		}
		large := s.claim(10)
		small := s.claim(1)
		s.Release(4)
		select {
		case <-small.granted:
			t.Error("a later claim overtook")
		case <-large.granted:
		}
		s.Release(10)
		<-small.granted
	})
}

// TestPool_Random checks that each run gets what it claims, and that all of them
// together use no more than the pool has, once the number of runs is constant.
func TestPool_Random(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(12)
		var mu sync.Mutex
		used, most := int64(0), int64(0)
		var all sync.WaitGroup
		shares := []*Share{p.Join(), p.Join(), p.Join()}
		for i, s := range shares {
			for worker := range 5 {
				random := rand.New(rand.NewPCG(uint64(i), uint64(worker)))
				all.Go(func() {
					for range 100 {
						n := 1 + random.Int64N(4)
						if err := s.Acquire(t.Context(), n); err != nil {
							t.Error(err)
						}
						mu.Lock()
						used += n
						most = max(most, used)
						mu.Unlock()
						<-time.After(time.Duration(random.IntN(100)))
						mu.Lock()
						used -= n
						mu.Unlock()
						s.Release(n)
					}
				})
			}
		}
		all.Wait()
		if most > 12 || most < 10 {
			t.Errorf("at most %d of 12 were used at once", most)
		}
	})
}
