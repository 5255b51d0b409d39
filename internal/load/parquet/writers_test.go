package parquet_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/parquet"
	"convsync/internal/warehouse"
)

func liveOf(project string) load.Feed {
	return load.Feed{ProjectID: project, Environment: loadtest.Live}
}

// unit is a small unit of work of a project, one of a sequence. It changes every
// table that writers share, and each of them counts the units.
type unit struct {
	project string
	n       int
}

// covered is the end of the coverage of a unit.
func (u unit) covered() warehouse.Timestamp {
	return warehouse.TimestampOf(loadtest.Noon.Add(time.Duration(u.n+1) * time.Hour))
}

func (u unit) rows() []*warehouse.Rows {
	start := loadtest.Noon.Add(time.Duration(u.n) * time.Hour)
	return []*warehouse.Rows{
		loadtest.Conversation(u.project, fmt.Sprint("c-", u.n), start, loadtest.Turns(1)),
		loadtest.Conversation(u.project, fmt.Sprint("open-", u.n), start, loadtest.Turns(1), loadtest.Open()),
	}
}

func (u unit) window(runID string) *load.Window {
	first, at := warehouse.TimestampOf(loadtest.Noon), u.covered()
	feed := liveOf(u.project)
	return &load.Window{
		ID: load.WindowID(u.n + 1), Feed: feed, RunID: runID, At: at,
		Coverage: []load.Range{{From: first, Until: at, ReadAt: at}}, Watermark: at,
		Drift: []warehouse.Drift{{
			ProjectID: u.project, Environment: feed.Environment, Path: "extra", Kind: "unknown field", JSONType: "string",
			FirstSeenAt: at, LastSeenAt: at, Count: 1,
		}},
		Rejects: []warehouse.Reject{{
			ProjectID: u.project, Environment: feed.Environment, RejectID: fmt.Sprint("r-", u.n), ConversationID: warehouse.Text(fmt.Sprint("c-", u.n+1)),
			Reason: "it has no id", FirstSeenAt: at, LastSeenAt: at, RunID: runID,
		}},
		Holes: []warehouse.Hole{{ProjectID: u.project, Environment: feed.Environment, From: at, Until: at + 1e6}},
	}
}

func (u unit) publish(ctx context.Context, w load.Writer, runID string) error {
	st := u.window(runID)
	err := w.Stage(ctx, &load.Batch{Window: st.ID, Feed: st.Feed, Rows: u.rows(), LiveSince: 1})
	if err == nil {
		_, err = w.Publish(ctx, st)
	}
	return err
}

// beginOf begins a writer of projects and registers them.
func beginOf(ctx context.Context, l load.Destination, runID string, projects ...string) (load.Writer, error) {
	w, err := l.Begin(ctx, load.Owner{RunID: runID, Started: 1}, projects...)
	if err != nil {
		return nil, err
	}
	var all []load.Project
	for _, p := range projects {
		all = append(all, loadtest.Project(p))
	}
	if err := w.Register(ctx, all); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	_, err = w.(load.Recoverer).Recover(ctx, runID, 1)
	return w, err
}

func endOf(ctx context.Context, w load.Writer, runID string) error {
	return errors.Join(w.Finish(ctx, &warehouse.SyncRun{RunID: runID, Kind: "incremental", Status: warehouse.RunSucceeded, StartedAt: 1}), w.Close())
}

// checkUnits checks that exactly the first n units of a project are stored, and
// that no shared table has lost or doubled a part of them.
func checkUnits(t testing.TB, s *lake, d *loadtest.Dump, project string, n int) {
	t.Helper()
	stored := 0
	for key := range d.Conversations {
		if key[0] == project {
			stored++
		}
	}
	if stored != 2*n {
		t.Errorf("%d conversations of %s are stored, want %d", stored, project, 2*n)
	}
	for i := range n {
		for _, r := range (unit{project, i}).rows() {
			if diff := loadtest.Diff(r, d.Conversations[[2]string{project, r.Conversation.ConversationID}], loadtest.LoaderSet...); diff != "" {
				t.Errorf("%s %s: %s", project, r.Conversation.ConversationID, diff)
			}
		}
	}
	count := func(what string, got, want int) {
		t.Helper()
		if got != want {
			t.Errorf("project %s has %d %s, want %d", project, got, what, want)
		}
	}
	open, changes, drift, late, rejects, holes := 0, 0, 0, 0, 0, 0
	for i := range d.Open {
		open += one(d.Open[i].ProjectID == project)
	}
	for i := range d.Changes {
		changes += one(d.Changes[i].ProjectID == project)
	}
	for i := range d.Drift {
		drift += int(d.Drift[i].Count) * one(d.Drift[i].ProjectID == project)
	}
	for i := range d.Lateness {
		late += int(d.Lateness[i].Count) * one(d.Lateness[i].ProjectID == project)
	}
	for i := range d.Rejects {
		rejects += one(d.Rejects[i].ProjectID == project)
	}
	for i := range d.Holes {
		holes += one(d.Holes[i].ProjectID == project)
	}
	count("open conversations", open, n)
	count("changes", changes, 2*n)
	count("observations of drift", drift, n)
	count("rejects", rejects, min(n, 1))
	count("holes", holes, min(n, 1))
	if late%max(n, 1) != 0 || n > 0 && late == 0 {
		t.Errorf("project %s has %d counts of lateness in %d units", project, late, n)
	}
	err := s.Open(t, nil).Audit(t.Context(), project, never, ever, func(f load.Fault) error {
		t.Errorf("project %s: %+v", project, f)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func one(is bool) int {
	if is {
		return 1
	}
	return 0
}

// checkSequence checks that the feed of changes has each sequence number once, in
// order.
func checkSequence(t testing.TB, d *loadtest.Dump) {
	t.Helper()
	for i := range d.Changes {
		if d.Changes[i].Sequence != int64(i+1) {
			t.Fatalf("change %d has the sequence number %d", i+1, d.Changes[i].Sequence)
		}
	}
}

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

// A writer is killed before each third of its steps while another one of another
// project has begun. That one continues, and finishes the commit.
func TestWriters_Killed(t *testing.T) {
	t.Parallel()
	stride, n := 3, 1
	if loadtest.Raced {
		stride = 16
	}
	for killedAmong(t, n) {
		n += stride
	}
	if n < 40 {
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
