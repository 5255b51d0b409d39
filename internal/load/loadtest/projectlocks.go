package loadtest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// ProjectLocks is a subject whose writers lock their projects. Without it, each
// writer locks the whole destination, and the checks of writers of different
// projects do nothing.
type ProjectLocks interface {
	LocksProjects()
}

// projectLockChecks are about writers of different projects.
var projectLockChecks = []check{
	{"lock/other project", ofProjectLocks(otherProject)},
	{"lock/other project, at once", ofProjectLocks(otherProjectAtOnce)},
	{"lock/overlapping projects", ofProjectLocks(overlappingProjects)},
	{"lock/whole destination", ofProjectLocks(wholeDestination)},
	{"runs/killed among others", ofProjectLocks(killedAmongOthers)},
	{"runs/killed, found by the whole", ofProjectLocks(killedFoundByWhole)},
}

// ofProjectLocks runs a check only of a subject with [ProjectLocks].
func ofProjectLocks(run func(testing.TB, Subject)) func(testing.TB, Subject) {
	return func(t testing.TB, s Subject) {
		t.Helper()
		if _, ok := s.(ProjectLocks); ok {
			run(t, s)
		}
	}
}

// beginNow is begin with a short timeout for the locks.
func beginNow(t testing.TB, s Subject, run int, projects ...string) *session {
	t.Helper()
	return beginIn(t, s, s.Impatient(t), run, projects...)
}

// otherProject interleaves the windows of two writers.
func otherProject(t testing.TB, s Subject) {
	writers := map[string]*session{"p": begin(t, s, 1, "p"), "q": beginNow(t, s, 2, "q")}
	var before []warehouse.Change
	for i := range 3 {
		windows := map[string]*load.Window{}
		for _, project := range []string{"p", "q"} {
			st := writers[project].next(live(project))
			st.Coverage, st.Watermark = []load.Range{span(0, i+1)}, at(i+1)
			windows[project] = st
			writers[project].stage(st, Conversation(project, fmt.Sprintf("c-%d", i), Noon.AddDate(0, i, 0)))
		}
		for _, project := range []string{"q", "p"} {
			counted(t, writers[project].publish(windows[project]), 1, 0, 0)
			d := dump(t, s)
			if !slices.Equal(before, d.Changes[:min(len(before), len(d.Changes))]) {
				t.Errorf("changes were %+v, are now %+v: they do not increase in the order of commits", before, d.Changes)
			}
			before = d.Changes
		}
	}
	for _, project := range []string{"q", "p"} {
		state := writers[project].state(live(project))
		if len(state.Coverage) != 1 || state.Coverage[0] != span(0, 3) || state.Watermark != at(3) {
			t.Errorf("project %s is covered by %+v, up to %d", project, state.Coverage, state.Watermark)
		}
		writers[project].end()
	}
	d := dump(t, s)
	d.count(t, 6)
	if len(d.Changes) != 6 {
		t.Fatalf("%d changes are recorded, want 6", len(d.Changes))
	}
	endedAfterAll(t, d)
	endedInOrder(t, d, "run-0001", "run-0002")
	again := beginNow(t, s, 3, "p", "q")
	for _, project := range []string{"p", "q"} {
		counted(t, again.load(Conversation(project, "c-0", Noon)), 0, 0, 1)
	}
	again.end()
	endedInOrder(t, dump(t, s), "run-0001", "run-0002", "run-0003")
}

// endedInOrder checks that exactly these runs are recorded, as succeeded, with
// epochs in this order.
func endedInOrder(t testing.TB, d *Dump, ids ...string) {
	t.Helper()
	var last int64
	for _, id := range ids {
		i := slices.IndexFunc(d.Runs, func(r warehouse.SyncRun) bool { return r.RunID == id })
		if i < 0 {
			t.Errorf("%s is not recorded", id)
			continue
		}
		r := &d.Runs[i]
		if r.Status != warehouse.RunSucceeded || !r.Epoch.Valid || r.Epoch.V <= last {
			t.Errorf("%s is %s with the epoch %+v, after the epoch %d", id, r.Status, r.Epoch, last)
		}
		last = r.Epoch.V
	}
	if len(d.Runs) != len(ids) {
		t.Errorf("%d runs are recorded, want %d", len(d.Runs), len(ids))
	}
}

// endedAfterAll checks that all runs ended after the last change.
func endedAfterAll(t testing.TB, d *Dump) {
	t.Helper()
	last := d.Changes[len(d.Changes)-1].Sequence
	for i := range d.Runs {
		if r := &d.Runs[i]; r.LastChange != warehouse.Some(last) {
			t.Errorf("the last change of %s is %+v, want %d", r.RunID, r.LastChange, last)
		}
	}
}

// otherProjectAtOnce lets two writers load the same months at the same time.
func otherProjectAtOnce(t testing.TB, s Subject) {
	const windows = 6
	rowsOf := func(project string, window int) (rows []*warehouse.Rows) {
		for i := range 4 {
			rows = append(rows, Conversation(project, fmt.Sprintf("c-%d-%d", window, i), Noon.AddDate(0, window, i)))
		}
		return rows
	}
	writers := map[string]*session{"p": begin(t, s, 1, "p"), "q": beginNow(t, s, 2, "q")}
	var both sync.WaitGroup
	for project, b := range writers {
		both.Go(func() {
			for i := range windows {
				st := b.next(live(project))
				st.Coverage, st.Watermark = []load.Range{span(0, i+1)}, at(i+1)
				st.Drift = []warehouse.Drift{drift(st, "extra", 1, 10)}
				err := b.writer.Stage(t.Context(), batch(st, rowsOf(project, i)))
				if err == nil {
					_, err = b.writer.Publish(t.Context(), st)
				}
				if err != nil {
					t.Errorf("project %s, window %d: %v", project, i, err)
					return
				}
			}
		})
	}
	both.Wait()
	for project, b := range writers {
		if state := b.state(live(project)); len(state.Coverage) != 1 || state.Coverage[0] != span(0, windows) || state.Watermark != at(windows) {
			t.Errorf("project %s is covered by %+v, up to %d", project, state.Coverage, state.Watermark)
		}
		b.end()
	}
	d := dump(t, s)
	for project := range writers {
		for i := range windows {
			for _, r := range rowsOf(project, i) {
				d.stored(t, r)
			}
		}
	}
	d.count(t, 2*4*windows)
	if len(d.Changes) != 2*4*windows || len(d.Drift) != 2 {
		t.Fatalf("%d changes and %d rows of drift are stored", len(d.Changes), len(d.Drift))
	}
	endedAfterAll(t, d)
	endedInOrder(t, d, "run-0001", "run-0002")
}

// beginRefused begins a run that must be refused because of another one, and returns
// the project that the error names.
func beginRefused(t testing.TB, s Subject, run int, by string, projects ...string) string {
	t.Helper()
	dest := s.Impatient(t)
	writer, err := dest.Begin(t.Context(), ownerOf(run), projects...)
	var locked *load.LockedError
	switch {
	case err == nil:
		t.Errorf("a writer of %q began during %s", projects, by)
		_ = writer.Close()
	case !errors.As(err, &locked):
		t.Errorf("Begin of %q during %s returned %v, want a LockedError", projects, by, err)
	case locked.Owner.RunID != by || locked.Owner.Actor != "ada" || locked.Owner.Host != "host.example.com" || locked.Where == "":
		t.Errorf("the error for %q names the owner %+v of %q, want %s", projects, locked.Owner, locked.Where, by)
	}
	if err := dest.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if locked == nil {
		return ""
	}
	return locked.Project
}

func overlappingProjects(t testing.TB, s Subject) {
	first := begin(t, s, 1, "q", "p")
	for _, projects := range [][]string{{"o", "q", "r"}, {"p"}, {"p", "q"}, {"a", "b", "c", "p", "z"}} {
		named := beginRefused(t, s, 2, "run-0001", projects...)
		if named != "p" && named != "q" || !slices.Contains(projects, named) {
			t.Errorf("the error for %q names project %q", projects, named)
		}
	}
	// The refused writers hold nothing.
	others := []*session{beginNow(t, s, 3, "r", "o"), beginNow(t, s, 4, "z", "a"), beginNow(t, s, 5, "b")}
	others[0].load(Conversation("o", "c-1", Noon))
	first.load(Conversation("p", "c-1", Noon))
	first.load(Conversation("q", "c-1", Noon))
	first.end()
	beginNow(t, s, 6, "q", "p", "q").end()
	for _, b := range others {
		b.end()
	}
	d := dump(t, s)
	d.count(t, 3)
	endedInOrder(t, d, "run-0001", "run-0003", "run-0004", "run-0005", "run-0006")
}

func wholeDestination(t testing.TB, s Subject) {
	whole := begin(t, s, 1)
	whole.load(Conversation("p", "c-1", Noon))
	if named := beginRefused(t, s, 2, "run-0001", "p"); named != "" {
		t.Errorf("the error names project %q, although the whole destination is locked", named)
	}
	beginRefused(t, s, 2, "run-0001")
	whole.load(Conversation("q", "c-1", Noon))
	whole.end()

	p := beginNow(t, s, 3, "p")
	beginRefused(t, s, 4, "run-0003")
	q := beginNow(t, s, 5, "q") // the refused one holds nothing
	p.load(Conversation("p", "c-2", Noon))
	p.end()
	beginRefused(t, s, 6, "run-0005")
	q.end()
	beginNow(t, s, 7).end()
	d := dump(t, s)
	d.count(t, 3)
	endedInOrder(t, d, "run-0001", "run-0003", "run-0005", "run-0007")
}

func killedAmongOthers(t testing.TB, s Subject) {
	killed := begin(t, s, 1, "p", "q")
	killed.load(Conversation("p", "c-1", Noon))
	other := beginNow(t, s, 2, "r")
	other.load(Conversation("r", "c-1", Noon))
	killed.close()
	counted(t, other.load(Conversation("r", "c-2", Noon)), 1, 0, 0)
	for i, project := range []string{"q", "p"} {
		b := beginNow(t, s, i+3, project)
		counted(t, b.load(Conversation(project, "c-2", Noon)), 1, 0, 0)
		counted(t, other.load(Conversation("r", "by "+project, Noon)), 1, 0, 0)
		if i == 0 {
			b.end()
			continue
		}
		b.close() // is killed, too
	}
	other.end()
	beginNow(t, s, 5, "p", "q", "r").end()
	statuses(t, s, map[string]string{
		"run-0001": warehouse.RunKilled, "run-0002": warehouse.RunSucceeded, "run-0003": warehouse.RunSucceeded,
		"run-0004": warehouse.RunKilled, "run-0005": warehouse.RunSucceeded,
	})
	dump(t, s).count(t, 7)
}

// killedFoundByWhole kills several writers, which the next writer of the whole
// destination finds.
func killedFoundByWhole(t testing.TB, s Subject) {
	begin(t, s, 1, "o").end()
	killed := []*session{begin(t, s, 2, "p", "q"), beginNow(t, s, 3, "r")}
	for _, b := range killed {
		b.close()
	}
	begin(t, s, 4).close()
	begin(t, s, 5, "q").end()
	begin(t, s, 6).end()
	statuses(t, s, map[string]string{
		"run-0001": warehouse.RunSucceeded, "run-0002": warehouse.RunKilled, "run-0003": warehouse.RunKilled,
		"run-0004": warehouse.RunKilled, "run-0005": warehouse.RunSucceeded, "run-0006": warehouse.RunSucceeded,
	})
}

// statuses checks that exactly these runs are recorded, each once, with epochs in
// the order of their ids.
func statuses(t testing.TB, s Subject, want map[string]string) {
	t.Helper()
	runs := dump(t, s).Runs
	slices.SortFunc(runs, func(a, b warehouse.SyncRun) int { return int(a.Epoch.V - b.Epoch.V) })
	for i := range runs {
		r := &runs[i]
		if r.Status != want[r.RunID] {
			t.Errorf("%s is %q, want %q", r.RunID, r.Status, want[r.RunID])
		}
		if !r.Epoch.Valid || i > 0 && r.RunID <= runs[i-1].RunID {
			t.Errorf("%s has the epoch %+v", r.RunID, r.Epoch)
		}
	}
	if len(runs) != len(want) {
		t.Errorf("%d runs are recorded, want %d", len(runs), len(want))
	}
}
