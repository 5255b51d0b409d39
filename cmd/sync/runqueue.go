package main

import (
	"context"
	"slices"
	"sync"
)

const (
	// mostRuns is the maximum number of runs at once in a process. Each has its own
	// connections and buffers; the workers are shared.
	mostRuns = 5
	// mostLongRuns is the maximum number of runs among them that may take hours, so
	// that the others never wait for one.
	mostLongRuns = 3
)

// runQueue decides when the runs of a process may start. A run starts when none
// of its projects is being written by another run of this process, and fewer than
// the maximum number of runs are in progress. The runs of each project start in
// the order of their arrival. A run that waits holds up only runs of its own
// projects. It is safe for concurrent use. The zero value is an empty queue.
type runQueue struct {
	mu      sync.Mutex
	entries []*queuedRun // in progress and waiting, in order of arrival
}

// queuedRun is the place of a run in the queue. Its leave must be called.
type queuedRun struct {
	queue    *runQueue
	projects []string      // stored ids
	long     bool          // it may take hours
	started  chan struct{} // closed when the run may start
}

// enter adds a run to the queue.
func (q *runQueue) enter(projects []string, long bool) *queuedRun {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.add(projects, long)
}

// enterParts adds runs for the projects to the queue, so that no project waits
// because of another one: projects that are free form one run, and so do projects
// that wait for the end of the same run.
func (q *runQueue) enterParts(projects []string, long bool) (parts []*queuedRun) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var order []*queuedRun
	after := map[*queuedRun][]string{} // nil: free
	for _, project := range projects {
		last := q.last(project)
		if after[last] == nil {
			order = append(order, last)
		}
		after[last] = append(after[last], project)
	}
	for _, last := range order {
		parts = append(parts, q.add(after[last], long))
	}
	return parts
}

// last returns the last run of a project that is in progress or waits; nil: none.
func (q *runQueue) last(project string) *queuedRun {
	for _, e := range slices.Backward(q.entries) {
		if slices.Contains(e.projects, project) {
			return e
		}
	}
	return nil
}

func (q *runQueue) add(projects []string, long bool) *queuedRun {
	e := &queuedRun{queue: q, projects: projects, long: long, started: make(chan struct{})}
	q.entries = append(q.entries, e)
	q.admit()
	return e
}

// admit starts each waiting run that may start.
func (q *runQueue) admit() {
	running, long := 0, 0
	for _, e := range q.entries {
		if e.hasStarted() {
			running++
			if e.long {
				long++
			}
		}
	}
	taken := map[string]bool{} // by a run in progress, or one that arrived earlier
	for _, e := range q.entries {
		free := !slices.ContainsFunc(e.projects, func(p string) bool { return taken[p] })
		for _, project := range e.projects {
			taken[project] = true
		}
		if e.hasStarted() || !free || running == mostRuns || e.long && long == mostLongRuns {
			continue
		}
		running++
		if e.long {
			long++
		}
		close(e.started)
	}
}

func (e *queuedRun) hasStarted() bool {
	select {
	case <-e.started:
		return true
	default:
		return false
	}
}

// wait waits until the run may start, or ctx ends.
func (e *queuedRun) wait(ctx context.Context) error {
	select {
	case <-e.started:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// leave removes the run from the queue, at its end or instead of its start.
func (e *queuedRun) leave() {
	e.queue.mu.Lock()
	defer e.queue.mu.Unlock()
	e.queue.entries = slices.DeleteFunc(e.queue.entries, func(other *queuedRun) bool { return other == e })
	e.queue.admit()
}
