package ratelimit

import (
	"context"
	"slices"
	"sync"
)

// fairLock is a mutex that serves groups, such as projects, in turn, and the waiters
// of one group in the order of their arrival. A project with many waiting requests
// does not delay one with few.
type fairLock[K comparable] struct {
	mu    sync.Mutex
	taken bool
	lines map[K][]chan struct{} // waiters by project
	order []K                   // projects with waiters, the next one first
}

// wait acquires the lock, or returns the error of ctx. Release it with pass.
func (t *fairLock[K]) wait(ctx context.Context, project K) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t.mu.Lock()
	if !t.taken {
		t.taken = true
		t.mu.Unlock()
		return nil
	}
	if t.lines == nil {
		t.lines = map[K][]chan struct{}{}
	}
	mine := make(chan struct{})
	if len(t.lines[project]) == 0 {
		t.order = append(t.order, project)
	}
	t.lines[project] = append(t.lines[project], mine)
	t.mu.Unlock()
	select {
	case <-mine:
		return nil
	case <-ctx.Done():
		t.leave(project, mine)
		return ctx.Err()
	}
}

// leave removes a waiter. If it was given the lock meanwhile, leave releases it.
func (t *fairLock[K]) leave(project K, mine chan struct{}) {
	t.mu.Lock()
	at := slices.Index(t.lines[project], mine)
	if at >= 0 {
		t.lines[project] = slices.Delete(t.lines[project], at, at+1)
		if len(t.lines[project]) == 0 {
			t.order = slices.DeleteFunc(t.order, func(p K) bool { return p == project })
		}
	}
	t.mu.Unlock()
	if at < 0 {
		t.pass()
	}
}

// pass releases the lock, to the first waiter of the next project.
func (t *fairLock[K]) pass() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.order) == 0 {
		t.taken = false
		return
	}
	project := t.order[0]
	line := t.lines[project]
	t.order, t.lines[project] = t.order[1:], line[1:]
	if len(line) > 1 {
		t.order = append(t.order, project)
	}
	close(line[0])
}
