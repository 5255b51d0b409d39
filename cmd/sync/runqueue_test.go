package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// inProgress lists the started runs of a queue by their projects.
func (q *runQueue) inProgress() (runs []string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, e := range q.entries {
		if e.hasStarted() {
			runs = append(runs, strings.Join(e.projects, ""))
		}
	}
	return runs
}

func wantRuns(t *testing.T, q *runQueue, want ...string) {
	t.Helper()
	if got := q.inProgress(); !slices.Equal(got, want) {
		t.Errorf("in progress are %q, want %q", got, want)
	}
}

// projectsOf returns the projects of a run: one per letter.
func projectsOf(letters string) []string { return strings.Split(letters, "") }

func TestRunQueue_Order(t *testing.T) {
	t.Parallel()
	q := &runQueue{}
	slow, all, event, other := q.enter(projectsOf("s"), false), q.enter(projectsOf("abs"), false), q.enter(projectsOf("a"), false), q.enter(projectsOf("c"), false)
	wantRuns(t, q, "s", "c") // the event of a comes after the run over all
	slow.leave()
	wantRuns(t, q, "abs", "c")
	other.leave()
	wantRuns(t, q, "abs")
	all.leave()
	wantRuns(t, q, "a")
	event.leave()
	wantRuns(t, q)
}

func TestRunQueue_Most(t *testing.T) {
	t.Parallel()
	q := &runQueue{}
	var long []*queuedRun
	for i := range mostLongRuns + 1 {
		long = append(long, q.enter([]string{fmt.Sprint("long", i)}, true))
	}
	wantRuns(t, q, "long0", "long1", "long2")
	q.enter([]string{"x"}, false)
	y := q.enter([]string{"y"}, false)
	z := q.enter([]string{"z"}, false)
	wantRuns(t, q, "long0", "long1", "long2", "x", "y")
	long[0].leave() // the next long one has waited longer
	wantRuns(t, q, "long1", "long2", "long3", "x", "y")
	y.leave()
	wantRuns(t, q, "long1", "long2", "long3", "x", "z")
	z.leave()
}

func TestRunQueue_EnterParts(t *testing.T) {
	t.Parallel()
	q := &runQueue{}
	group := q.enter(projectsOf("abc"), false)
	event := q.enter(projectsOf("s"), false)
	var parts []string
	for _, e := range q.enterParts(projectsOf("xasby"), false) {
		parts = append(parts, strings.Join(e.projects, ""))
	}
	if !slices.Equal(parts, []string{"xy", "ab", "s"}) {
		t.Errorf("divided into %q", parts)
	}
	wantRuns(t, q, "abc", "s", "xy")
	event.leave()
	wantRuns(t, q, "abc", "xy", "s")
	group.leave()
	wantRuns(t, q, "xy", "ab", "s")
}

func TestRunQueue_Cancel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := &runQueue{}
		first := q.enter(projectsOf("a"), false)
		ctx, cancel := context.WithCancel(t.Context())
		second, third := q.enter(projectsOf("ab"), false), q.enter(projectsOf("b"), false)
		result := make(chan error, 1)
		go func() {
			defer second.leave()
			result <- second.wait(ctx)
		}()
		synctest.Wait()
		wantRuns(t, q, "a")
		cancel()
		synctest.Wait()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Errorf("a canceled run ends with %v", err)
		}
		wantRuns(t, q, "a", "b")
		if err := third.wait(t.Context()); err != nil {
			t.Error(err)
		}
		if err := first.wait(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("a run that is canceled before it starts: %v", err)
		}
	})
}

// TestRunQueue_Random checks for random runs that no two of a project overlap, at
// most [mostRuns] are in progress, the runs of a project keep their order, and all
// of them start.
func TestRunQueue_Random(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			q := &runQueue{}
			var mu sync.Mutex
			busy, last, running := map[string]bool{}, map[string]int{}, 0
			var all sync.WaitGroup
			for i := range 100 {
				projects := projectsOf("abcdefgh")[random.IntN(8):]
				projects = projects[:1+random.IntN(len(projects))]
				takes, gap := time.Duration(random.IntN(100))*time.Second, time.Duration(random.IntN(10))*time.Second
				e := q.enter(projects, random.IntN(4) == 0)
				all.Go(func() {
					defer e.leave()
					if err := e.wait(t.Context()); err != nil {
						t.Error(err)
					}
					mu.Lock()
					running++
					for _, p := range projects {
						if busy[p] || running > mostRuns || last[p] > i {
							t.Errorf("seed %d: run %d of %v starts: busy %t, %d in progress, after run %d", seed, i, projects, busy[p], running, last[p])
						}
						busy[p], last[p] = true, i
					}
					mu.Unlock()
					<-time.After(takes)
					mu.Lock()
					defer mu.Unlock()
					running--
					for _, p := range projects {
						busy[p] = false
					}
				})
				<-time.After(gap)
			}
			all.Wait()
			if len(q.entries) > 0 {
				t.Errorf("%d runs remain", len(q.entries))
			}
		})
	}
}
