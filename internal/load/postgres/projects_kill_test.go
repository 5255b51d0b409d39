package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/warehouse"
)

// killedChild is the first argument of a test binary that runs a writer which
// kills itself. The second has the URL of the database, the run, the step before
// which it kills itself, and its projects, separated by #.
const killedChild = "postgres-killed-writer"

func init() { children[killedChild] = writeUntilKilled }

func writeUntilKilled(args string) error {
	parts := strings.Split(args, "#")
	last, err := strconv.ParseInt(parts[2], 10, 64)
	if err != nil {
		return err
	}
	var steps atomic.Int64
	step := func(string) {
		if steps.Add(1) == last {
			if self, err := os.FindProcess(os.Getpid()); err == nil {
				_ = self.Kill()
			}
			select {}
		}
	}
	o := Options{URL: fixed(parts[0]), LockWait: longWait, Step: step}
	return writeWindows(context.Background(), o, func() { fmt.Println(parts[1]) }, parts[1], parts[3:]...)
}

const killWindows, windowsOfRun = 4, 2

// killedRows are the conversations of a window. Each window has its own month.
func killedRows(project string, window int) (rows []*warehouse.Rows) {
	for i := range 3 {
		rows = append(rows, loadtest.Conversation(project, fmt.Sprintf("c-%d-%d", window, i), loadtest.Noon.AddDate(0, window, i)))
	}
	return rows
}

// hours returns the time range of the first windows.
func hours(windows int) load.Range {
	noon := warehouse.TimestampOf(loadtest.Noon)
	return load.Range{From: noon, Until: warehouse.TimestampOf(loadtest.Noon.Add(time.Duration(windows) * time.Hour)), ReadAt: noon}
}

// writeWindows runs a writer that loads the next windows of each of its projects.
// It calls began when it has its locks.
func writeWindows(ctx context.Context, o Options, began func(), run string, projects ...string) (err error) {
	d, err := Open(ctx, o)
	if err != nil {
		return err
	}
	defer d.Close()
	owner := load.Owner{RunID: run, Started: 1}
	w, err := d.Begin(ctx, owner, projects...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	began()
	for _, project := range projects {
		if err := w.Register(ctx, []load.Project{loadtest.Project(project)}); err != nil {
			return err
		}
		states, err := d.State(ctx, []load.Feed{liveOf(project)})
		if err != nil {
			return err
		}
		done := 0
		for covered := states[liveOf(project)].Watermark; done < killWindows && covered >= hours(done+1).Until; {
			done++
		}
		for i := done; i < min(done+windowsOfRun, killWindows); i++ {
			id := load.WindowID(i)
			if err := w.Stage(ctx, &load.Batch{Window: id, Feed: liveOf(project), Rows: killedRows(project, i)}); err != nil {
				return err
			}
			all := hours(i + 1)
			if _, err := w.Publish(ctx, &load.Window{
				ID:        id,
				Feed:      liveOf(project),
				Coverage:  []load.Range{all},
				Watermark: all.Until,
				RunID:     run,
				At:        all.Until,
			}); err != nil {
				return err
			}
		}
	}
	return w.Finish(ctx, runRow(owner))
}

// Writers of several projects run at once, in processes that are killed at any
// step, alone or with a project of another one.
func TestProjects_Killed(t *testing.T) {
	t.Parallel()
	_, database := prepared(t)
	projects := []string{"p", "q", "r"}
	var mu sync.Mutex
	var began []string
	var all sync.WaitGroup
	for n, project := range projects {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(n), 1))
			for round := range 4 {
				args := []string{database, fmt.Sprintf("run-%s-%d", project, round), strconv.Itoa(1 + random.IntN(24)), project}
				if round%2 == 1 {
					args = append(args, projects[(n+1)%len(projects)])
				}
				if run := killedOnce(t, args); run != "" {
					mu.Lock()
					began = append(began, run)
					mu.Unlock()
				}
			}
			for i := range killWindows / windowsOfRun { // in this process
				run := fmt.Sprintf("run-%s-last-%d", project, i)
				if err := writeWindows(t.Context(), Options{URL: fixed(database), LockWait: longWait}, func() {}, run, project); err != nil {
					t.Error(err)
				}
				mu.Lock()
				began = append(began, run)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if err := writeWindows(t.Context(), Options{URL: fixed(database), LockWait: longWait}, func() {}, "run-whole"); err != nil {
		t.Error(err)
	}
	allIsWell(t, database, projects, append(began, "run-whole"))
}

// killedOnce runs a writer in a process of its own, and returns the run if it
// began.
func killedOnce(t *testing.T, args []string) string {
	program, err := os.Executable()
	if err != nil {
		t.Error(err)
		return ""
	}
	child := exec.CommandContext(t.Context(), program, killedChild, strings.Join(args, "#"))
	var complaint strings.Builder
	child.Stderr = &complaint
	said, err := child.Output()
	if complaint.Len() > 0 {
		t.Errorf("the writer %q: %v: %s", args[1:], err, complaint.String())
	}
	return strings.TrimSpace(string(said))
}

// allIsWell checks that each conversation was stored once, each project is
// covered, and each run is recorded once.
func allIsWell(t *testing.T, database string, projects, began []string) {
	t.Helper()
	s := subject{database, "polyai"}.Dump(t)
	changes, sequence := map[[2]string]int{}, int64(0)
	for _, c := range s.Changes {
		changes[[2]string{c.ProjectID, c.ConversationID}]++
		if c.Sequence <= sequence {
			t.Errorf("the change %d follows %d", c.Sequence, sequence)
		}
		sequence = c.Sequence
	}
	for _, project := range projects {
		for i := range killWindows {
			for _, want := range killedRows(project, i) {
				key := [2]string{project, want.Conversation.ConversationID}
				if diff := loadtest.Diff(want, s.Conversations[key], loadtest.LoaderSet...); diff != "" || changes[key] != 1 {
					t.Errorf("conversation %q has %d changes: %s", key, changes[key], diff)
				}
			}
		}
	}
	if want := 3 * killWindows * len(projects); len(s.Conversations) != want || len(s.Changes) != want || len(s.Coverage) != len(projects) || len(s.Projects) != len(projects) {
		t.Errorf("%d conversations and %d changes are stored, want %d; %d projects, coverage %+v", len(s.Conversations), len(s.Changes), want, len(s.Projects), s.Coverage)
	}
	recorded, epochs := map[string]int{}, map[int64]string{}
	for _, r := range s.Runs {
		recorded[r.RunID]++
		if other := epochs[r.Epoch.V]; other != "" || r.Epoch.V <= 0 {
			t.Errorf("%s and %s have the epoch %d", r.RunID, other, r.Epoch.V)
		}
		epochs[r.Epoch.V] = r.RunID
	}
	for _, run := range began {
		if recorded[run] != 1 {
			t.Errorf("%s began and is recorded %d times", run, recorded[run])
		}
	}
	var held int
	err := connect(t, inSchema(t, database, "polyai")).QueryRow(t.Context(), "SELECT count(*) FROM sync_locks WHERE run_id IS NOT NULL").Scan(&held)
	if err != nil || held != 0 {
		t.Errorf("%d locks have an owner, %v", held, err)
	}
}
