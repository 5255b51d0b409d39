//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package parquet_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/warehouse"
)

const (
	stressUnits    = 12 // of each project
	stressKills    = 10
	stressVariable = "CONVSYNC_TEST_WRITER" // the seed of a process of the test
)

// stressProjects are the projects of the writers. Several processes and several
// goroutines of each write all of them.
var stressProjects = []string{"p", "q", "r", "s"}

// Several processes write the same projects, each with several goroutines, and
// are killed at random. All that a writer has reported as published is stored
// once, and the shared tables have counted it once.
func TestWriters_Stress(t *testing.T) {
	if path := os.Getenv(lakeVariable); path != "" {
		stressChild(t, &lake{path: path})
		return
	}
	t.Parallel()
	s := newLake(t)
	if err := s.Open(t, nil).Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	published := map[string]bool{}
	for i := range 2 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(7, uint64(i)))
			for kills := 0; ; kills++ {
				left := -1 // lines until it is killed
				if kills < stressKills {
					left = 1 + random.IntN(8)
				}
				lines, ended := stressRun(t, s, fmt.Sprint(100*i+kills), left)
				mu.Lock()
				for _, line := range lines {
					published[line] = true
				}
				mu.Unlock()
				if ended || t.Failed() {
					return
				}
			}
		})
	}
	all.Wait()
	if err := runUnits(t.Context(), s.Open(t, nil), "last", "p", stressUnits); err != nil {
		t.Fatal(err)
	}
	d := s.Dump(t)
	checkSequence(t, d)
	for _, project := range stressProjects {
		checkUnits(t, s, d, project, stressUnits)
	}
	for line := range published {
		project, id, _ := strings.Cut(line, " ")
		if d.Conversations[[2]string{project, id}] == nil {
			t.Errorf("%s is lost", line)
		}
	}
	recorded := map[string]warehouse.Text{}
	for _, r := range d.Runs {
		if before, twice := recorded[r.RunID]; twice {
			t.Errorf("run %s is recorded as %s and %s", r.RunID, before, r.Status)
		}
		recorded[r.RunID] = warehouse.Text(r.Status)
	}
	if recorded["last"] == "" || len(d.Projects) != len(stressProjects) {
		t.Errorf("the runs are %v, the projects %v", recorded, d.Projects)
	}
}

// stressRun runs a process until it ends, or kills it after so many lines.
func stressRun(t *testing.T, s *lake, seed string, left int) (lines []string, ended bool) {
	program, err := os.Executable()
	if err != nil {
		t.Error(err)
		return nil, true
	}
	child := exec.CommandContext(t.Context(), program, "-test.run=^TestWriters_Stress$")
	child.Env = append(os.Environ(), lakeVariable+"="+s.path, stressVariable+"="+seed)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err := errors.Join(err, child.Start()); err != nil {
		t.Error(err)
		return nil, true
	}
	killed := false
	for scanner := bufio.NewScanner(out); scanner.Scan(); {
		line, ok := strings.CutPrefix(scanner.Text(), "published ")
		if !ok {
			continue
		}
		lines = append(lines, line)
		if left--; left == 0 {
			killed = child.Process.Kill() == nil
		}
	}
	if err := child.Wait(); err != nil && !killed {
		t.Errorf("process %s: %v", seed, err)
	}
	return lines, !killed
}

// stressChild is a process of the test.
func stressChild(t *testing.T, s *lake) {
	seed, err := strconv.ParseUint(os.Getenv(stressVariable), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	l := s.Open(t, nil)
	var all sync.WaitGroup
	for i := range 2 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(i)))
			for run := 0; ; run++ {
				more, err := stressUnit(t.Context(), l, random, fmt.Sprintf("run-%d-%d-%d", seed, i, run))
				if err != nil {
					t.Error(err)
				}
				if err != nil || !more {
					return
				}
			}
		})
	}
	all.Wait()
}

// stressUnit publishes the next units of one or two projects. It returns false if
// there are none.
func stressUnit(ctx context.Context, l load.Destination, random *rand.Rand, runID string) (more bool, err error) {
	chosen := random.Perm(len(stressProjects))[:1+random.IntN(2)]
	var projects []string
	for _, i := range chosen {
		projects = append(projects, stressProjects[i])
	}
	w, err := beginOf(ctx, l, runID, projects...)
	if err != nil {
		return false, err
	}
	for _, project := range projects {
		states, err := l.State(ctx, []load.Feed{liveOf(project)})
		if err != nil {
			return false, errors.Join(err, w.Close())
		}
		from := next(states[liveOf(project)].Watermark)
		for n := from; n < min(from+1+random.IntN(3), stressUnits); n++ {
			if err := (unit{project, n}).publish(ctx, w, runID); err != nil {
				return false, errors.Join(err, w.Close())
			}
			fmt.Printf("published %s c-%d\n", project, n)
		}
	}
	if err := endOf(ctx, w, runID); err != nil {
		return false, err
	}
	feeds := make([]load.Feed, len(stressProjects))
	for i, project := range stressProjects {
		feeds[i] = liveOf(project)
	}
	states, err := l.State(ctx, feeds)
	for _, state := range states {
		more = more || next(state.Watermark) < stressUnits
	}
	return more, err
}

var _ loadtest.ProjectLocks = (*lake)(nil)
