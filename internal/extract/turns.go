package extract

import (
	"context"
	"slices"
	"sync"
)

// turns is a lock that projects get by turns, and each project's requests in
// the order in which they came: one with many requests waiting does not hold
// up one with few.
type turns struct {
	mu    sync.Mutex
	taken bool
	lines map[string][]chan struct{}
	order []string // projects that wait, the next one first
}

// wait waits for a turn, which must be passed on.
func (t *turns) wait(ctx context.Context, project string) error {
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
		t.lines = map[string][]chan struct{}{}
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

// leave leaves the line, and passes the turn on if it came just now.
func (t *turns) leave(project string, mine chan struct{}) {
	t.mu.Lock()
	at := slices.Index(t.lines[project], mine)
	if at >= 0 {
		t.lines[project] = slices.Delete(t.lines[project], at, at+1)
		if len(t.lines[project]) == 0 {
			t.order = slices.DeleteFunc(t.order, func(p string) bool { return p == project })
		}
	}
	t.mu.Unlock()
	if at < 0 {
		t.pass()
	}
}

// pass gives the turn to the next project that waits.
func (t *turns) pass() {
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
