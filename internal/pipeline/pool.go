package pipeline

import (
	"context"
	"slices"
	"sync"
)

// Workers are the pools that the runs of a process share.
type Workers struct {
	requests, transform, load, bytes *Pool
}

// NewWorkers creates pools for so many requests in flight, and workers of
// transform and load.
func NewWorkers(requests, transform, load int) *Workers {
	return &Workers{
		requests:  NewPool(int64(requests)),
		transform: NewPool(int64(transform)),
		load:      NewPool(int64(load)),
		bytes:     NewPool(bytesInFlight),
	}
}

// Resize changes the sizes, also for runs in progress.
func (w *Workers) Resize(requests, transform, load int) {
	w.requests.Resize(int64(requests))
	w.transform.Resize(int64(transform))
	w.load.Resize(int64(load))
}

// Join adds a run. Its Leave must be called at the end of the run.
func (w *Workers) Join() *Shares {
	return &Shares{Requests: w.requests.Join(), transform: w.transform.Join(), load: w.load.Join(), bytes: w.bytes.Join()}
}

// Shares are the shares of a run in [Workers].
type Shares struct {
	Requests               *Share // of the readers
	transform, load, bytes *Share
}

// Leave ends the use of the shares.
func (s *Shares) Leave() {
	for _, share := range []*Share{s.Requests, s.transform, s.load, s.bytes} {
		share.Leave()
	}
}

// Pool holds permits that runs share. A run that is alone may use all of them. If
// there are several runs, each may use an equal part, and at least one permit, so
// that no run waits for another one. When a run joins, the others keep the permits
// that they use until they release them: until then, more permits may be in use
// than the pool has. A Pool is safe for concurrent use.
type Pool struct {
	mu     sync.Mutex
	size   int64
	shares []*Share
}

// NewPool creates a pool.
func NewPool(size int64) *Pool { return &Pool{size: size} }

// Resize changes the number of permits.
func (p *Pool) Resize(size int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.size = size
	p.admit()
}

// Join adds a run to the pool. Its Leave must be called.
func (p *Pool) Join() *Share {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := &Share{pool: p}
	p.shares = append(p.shares, s)
	return s
}

// part returns the number of permits that each run may use.
func (p *Pool) part() int64 { return max(1, p.size/int64(max(1, len(p.shares)))) }

// admit gives permits to those that wait for them.
func (p *Pool) admit() {
	for _, s := range p.shares {
		s.admit()
	}
}

// Share is the part of a run in a [Pool].
type Share struct {
	pool    *Pool
	used    int64
	waiting []*claim // in order of arrival
}

// claim waits for n permits. granted is closed when it has them.
type claim struct {
	n       int64
	granted chan struct{}
}

// Acquire waits for n permits. A claim of more than the share waits until the run
// uses none, and is granted then.
func (s *Share) Acquire(ctx context.Context, n int64) error {
	c := s.claim(n)
	select {
	case <-c.granted:
		return nil
	default:
	}
	select {
	case <-c.granted:
		return nil
	case <-ctx.Done():
		s.withdraw(c)
		return ctx.Err()
	}
}

func (s *Share) claim(n int64) *claim {
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	c := &claim{n: n, granted: make(chan struct{})}
	s.waiting = append(s.waiting, c)
	s.admit()
	return c
}

// withdraw removes a claim, or returns its permits if it was granted meanwhile.
func (s *Share) withdraw(c *claim) {
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	if at := slices.Index(s.waiting, c); at >= 0 {
		s.waiting = slices.Delete(s.waiting, at, at+1)
	} else {
		s.used -= c.n
	}
	s.admit()
}

// use calls work with a permit. It waits only for other work of the run.
func (s *Share) use(work func()) {
	_ = s.Acquire(context.Background(), 1) // that context does not end
	defer s.Release(1)
	work()
}

// TryAcquire acquires n permits, unless that has to wait.
func (s *Share) TryAcquire(n int64) bool {
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	if len(s.waiting) > 0 || !s.fits(n) {
		return false
	}
	s.used += n
	return true
}

// Release returns n permits.
func (s *Share) Release(n int64) {
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	s.used -= n
	s.admit()
}

// Leave removes the run from the pool.
func (s *Share) Leave() {
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	s.pool.shares = slices.DeleteFunc(s.pool.shares, func(other *Share) bool { return other == s })
	s.pool.admit()
}

func (s *Share) fits(n int64) bool { return s.used == 0 || s.used+n <= s.pool.part() }

func (s *Share) admit() {
	for len(s.waiting) > 0 && s.fits(s.waiting[0].n) {
		c := s.waiting[0]
		s.waiting = s.waiting[1:]
		s.used += c.n
		close(c.granted)
	}
}
