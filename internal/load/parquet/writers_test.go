package parquet_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/parquet"
	"convsync/internal/warehouse"
)

// Two writers commit in turns, so that each commit follows one of the other
// writer: whatever a writer has in memory of the shared files is out of date.
func TestWriters_Interleaved(t *testing.T) {
	t.Parallel()
	const units = 7
	s := newLake(t)
	l := s.Open(t, nil)
	if err := l.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	projects := []string{"p", "q", "r"}
	writers := map[string]load.Writer{}
	for _, project := range projects {
		w, err := beginOf(t.Context(), l, "run-"+project, project)
		if err != nil {
			t.Fatal(err)
		}
		writers[project] = w
	}
	for n := range units {
		for _, project := range projects {
			if err := (unit{project, n}).publish(t.Context(), writers[project], "run-"+project); err != nil {
				t.Fatalf("unit %d of %s: %v", n, project, err)
			}
		}
	}
	for _, project := range projects {
		if err := endOf(t.Context(), writers[project], "run-"+project); err != nil {
			t.Error(err)
		}
	}
	d := s.Dump(t)
	checkSequence(t, d)
	for _, project := range projects {
		checkUnits(t, s, d, project, units)
	}
	if left := s.Leftovers(t); len(left) > 0 || len(d.Runs) != len(projects) {
		t.Errorf("left over: %v; %d runs", left, len(d.Runs))
	}
}

// Another writer commits after a commit was built, and before it gets the lock:
// it is built again.
func TestWriters_Overtaken(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	l := s.Open(t, nil)
	if err := l.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	other, err := beginOf(t.Context(), l, "run-q", "q")
	if err != nil {
		t.Fatal(err)
	}
	overtaken, units := false, 0
	w, err := beginOf(t.Context(), s.Open(t, func(step string) {
		if overtaken && step == "journal" {
			overtaken = false
			if err := (unit{"q", units}).publish(t.Context(), other, "run-q"); err != nil {
				t.Error(err)
			}
			units++
		}
	}), "run-p", "p")
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		overtaken = true
		if err := (unit{"p", n}).publish(t.Context(), w, "run-p"); err != nil {
			t.Fatal(err)
		}
		if err := w.Register(t.Context(), []load.Project{loadtest.Project("p"), loadtest.Project(fmt.Sprint("o-", n))}); err != nil { // it is now the last one again
			t.Fatal(err)
		}
	}
	overtaken = true
	if err := errors.Join(endOf(t.Context(), w, "run-p"), endOf(t.Context(), other, "run-q")); err != nil {
		t.Fatal(err)
	}
	d := s.Dump(t)
	checkSequence(t, d)
	checkUnits(t, s, d, "p", 3)
	checkUnits(t, s, d, "q", 4)
	if units != 4 {
		t.Errorf("the writer was overtaken %d times, want 4", units)
	}
}

// A writer is killed before each fifth of its steps while another one of another
// project has begun. That one continues, and finishes the commit.
func TestWriters_Killed(t *testing.T) {
	t.Parallel()
	stride, n := 5, 1
	if loadtest.Raced {
		stride = 16
	}
	for killedAmong(t, n) {
		n += stride
	}
	if n < 60 {
		t.Errorf("only %d steps", n)
	}
}

// killedAmong kills a writer before a step. It returns false if there is no such
// step.
func killedAmong(t *testing.T, last int) (killed bool) {
	s := newLake(t)
	l := s.Open(t, nil)
	if err := l.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	other, err := beginOf(t.Context(), l, "run-q", "q")
	if err == nil {
		err = (unit{"q", 0}).publish(t.Context(), other, "run-q")
	}
	if err != nil {
		t.Fatal(err)
	}
	reached, release, ended := make(chan string), make(chan struct{}), make(chan error, 1)
	steps := 0
	victim := s.open(t, parquet.Options{LockWait: lockTimeout, Step: func(name string) {
		if steps++; steps == last {
			reached <- name
			<-release
		}
	}}).(*parquet.Lake)
	kill := parquet.Killable(victim)
	go func() { ended <- runUnits(t.Context(), victim, "run-p", "p", 1) }()
	step := ""
	select {
	case step = <-reached:
		kill()
	case err := <-ended:
		if err != nil {
			t.Fatalf("a writer that is not killed: %v", err)
		}
	}
	finish := func(from int) {
		t.Helper()
		for n := range 2 {
			if err := (unit{"q", from + n}).publish(t.Context(), other, "run-q"); err != nil {
				t.Fatalf("killed at step %d, %s: the other writer: %v", last, step, err)
			}
		}
	}
	finish(1)
	d := s.Dump(t)
	for _, w := range d.Watermarks {
		if w.ProjectID == "p" {
			checkUnits(t, s, d, "p", next(w.Watermark))
		}
	}
	if err := runUnits(t.Context(), l, "run-p2", "p", 3); err != nil {
		t.Fatalf("killed at step %d, %s: the next writer: %v", last, step, err)
	}
	finish(3)
	if err := endOf(t.Context(), other, "run-q"); err != nil {
		t.Fatal(err)
	}
	before := s.files(t)
	close(release)
	if step != "" {
		if err := <-ended; err == nil {
			t.Errorf("killed at step %d, %s: the killed writer continued", last, step)
		}
	}
	checkAmong(t, s, before, step)
	return step != ""
}

// checkAmong checks a lake after a killed writer of p and others.
func checkAmong(t *testing.T, s *lake, before map[string]os.FileInfo, step string) {
	t.Helper()
	if after := s.files(t); len(after) != len(before) {
		t.Errorf("killed at %s: %d files became %d", step, len(before), len(after))
	}
	d := s.Dump(t)
	checkSequence(t, d)
	checkUnits(t, s, d, "p", 3)
	checkUnits(t, s, d, "q", 5)
	runs := map[string]int{}
	for _, r := range d.Runs {
		runs[r.RunID]++
	}
	if runs["run-q"] != 1 || runs["run-p2"] != 1 || runs["run-p"] > 1 || len(s.writers(t)) > 0 {
		t.Errorf("killed at %s: the runs are recorded %v times, writers left: %v", step, runs, s.writers(t))
	}
	if left := s.Leftovers(t); len(left) > 0 {
		t.Errorf("killed at %s: left over: %v", step, left)
	}
}

// next returns the unit after those that a watermark covers.
func next(watermark warehouse.Timestamp) int {
	return max(0, int((watermark-warehouse.TimestampOf(loadtest.Noon))/3600e6))
}

// runUnits publishes the units of a project from that of its watermark on.
func runUnits(ctx context.Context, l load.Destination, runID, project string, until int) error {
	w, err := beginOf(ctx, l, runID, project)
	if err != nil {
		return err
	}
	states, err := l.State(ctx, []load.Feed{liveOf(project)})
	if err != nil {
		return errors.Join(err, w.Close())
	}
	for n := next(states[liveOf(project)].Watermark); n < until; n++ {
		if err := (unit{project, n}).publish(ctx, w, runID); err != nil {
			return errors.Join(err, w.Close())
		}
	}
	return endOf(ctx, w, runID)
}

// A run of several projects that was killed is recorded once, whichever of them
// is taken over first, also by a writer of the whole lake.
func TestWriters_KilledRunOnce(t *testing.T) {
	t.Parallel()
	for name, next := range map[string][][]string{
		"InOrder": {{"p"}, {"q"}, {"r"}}, "Backwards": {{"r"}, {"q"}, {"p"}}, "Lake": {nil, {"p"}, {"q", "r"}}, "Some": {{"o", "q"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newLake(t)
			l := s.Open(t, nil)
			if err := l.Prepare(t.Context()); err != nil {
				t.Fatal(err)
			}
			w, err := beginOf(t.Context(), l, "killed", "p", "q", "r")
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			for i, projects := range next {
				w, err := l.Begin(t.Context(), load.Owner{RunID: fmt.Sprint("run-", i), Started: 1}, projects...)
				if err == nil {
					err = endOf(t.Context(), w, fmt.Sprint("run-", i))
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			killed := 0
			for _, r := range s.Dump(t).Runs {
				killed += one(r.RunID == "killed" && r.Status == warehouse.RunKilled && r.Epoch == warehouse.Some(int64(1)))
			}
			if killed != 1 || len(s.writers(t)) > 0 {
				t.Errorf("the killed run is recorded %d times; writers left: %v", killed, s.writers(t))
			}
		})
	}
}

// What a killed writer left is removed by a writer of its project, also if that is
// not its first one. The files of a living writer remain.
func TestWriters_LeftFiles(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	l := s.Open(t, nil)
	if err := l.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	living, err := beginOf(t.Context(), l, "living", "r")
	if err != nil {
		t.Fatal(err)
	}
	left := map[string]string{}
	for _, project := range []string{"q", "r"} {
		left[project] = filepath.Join(s.path, "_sync/tmp/project_id="+project, "file")
		err := errors.Join(os.MkdirAll(filepath.Dir(left[project]), 0o700), os.WriteFile(left[project], nil, 0o600))
		if err != nil {
			t.Fatal(err)
		}
	}
	w, err := beginOf(t.Context(), l, "next", "p", "q")
	if err != nil {
		t.Fatal(err)
	}
	for project, remains := range map[string]bool{"q": false, "r": true} {
		if _, err := os.Stat(left[project]); (err == nil) != remains {
			t.Errorf("%s: %v", left[project], err)
		}
	}
	if err := errors.Join(endOf(t.Context(), w, "next"), endOf(t.Context(), living, "living")); err != nil {
		t.Error(err)
	}
}

// The record of a run of an older version is understood by a writer of any
// project, and by one of the whole lake.
func TestWriters_OlderRecord(t *testing.T) {
	t.Parallel()
	for _, projects := range [][]string{nil, {"p"}} {
		s := newLake(t)
		s.run(t)
		record := `{"RunID":"older","Host":"other.example.com","Started":5}`
		if err := os.WriteFile(filepath.Join(s.path, "_sync/owner.json"), []byte(record), 0o600); err != nil {
			t.Fatal(err)
		}
		l := s.Open(t, nil)
		w, err := beginOf(t.Context(), l, "run-2", projects...)
		if err == nil {
			err = endOf(t.Context(), w, "run-2")
		}
		if err != nil {
			t.Fatal(err)
		}
		ids := []string{}
		for _, r := range s.Dump(t).Runs {
			ids = append(ids, r.RunID)
		}
		if !slices.Equal(ids, []string{"run", "older", "run-2"}) || s.read(t, "_sync/owner.json") != nil {
			t.Errorf("with projects %q the runs are %q", projects, ids)
		}
	}
}
