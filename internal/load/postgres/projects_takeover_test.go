package postgres

import (
	"errors"
	"sync"
	"testing"

	"convsync/internal/load"
	"convsync/internal/load/pgtest"
	"convsync/internal/warehouse"
)

// A run of two projects loses its locks, and two writers take over at once.
func TestTakenOver_OneProject(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	stale := begin(t, d, "run-1", "p", "q")
	for _, project := range []string{"p", "q"} {
		if err := stageIn(t, stale, project, "c-1"); err != nil {
			t.Fatal(err)
		}
	}
	pgtest.Exec(t, database, "SELECT pg_terminate_backend(pid, 600000) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")
	p := begin(t, d, "run-2", "p")
	if err := stageIn(t, stale, "p", "c-2"); !errors.Is(err, errTakenOver) {
		t.Errorf("Stage of the project that was taken over: %v", err)
	}
	if err := stageIn(t, stale, "q", "c-2"); !errors.Is(err, load.ErrLockLost) {
		t.Errorf("Stage of the other project: %v", err)
	}
	if err := stale.Finish(t.Context(), runRow(load.Owner{RunID: "run-1"})); !errors.Is(err, errTakenOver) {
		t.Errorf("Finish: %v", err)
	}
	begin(t, d, "run-3", "q")
	if err := stageIn(t, p, "p", "c-3"); err != nil {
		t.Error(err)
	}
	s := subject{database, "polyai"}.Dump(t)
	if len(s.Runs) != 1 || s.Runs[0].RunID != "run-1" || s.Runs[0].Status != warehouse.RunKilled || len(s.Conversations) != 3 {
		t.Errorf("%d conversations, runs %+v", len(s.Conversations), s.Runs)
	}
}

func TestTakenOver_BothAtOnce(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	if err := begin(t, d, "run-1", "p", "q").Close(); err != nil {
		t.Fatal(err)
	}
	second := open(t, Options{URL: fixed(database)})
	var both sync.WaitGroup
	for project, dest := range map[string]*Database{"p": d, "q": second} {
		both.Go(func() {
			w, err := dest.Begin(t.Context(), load.Owner{RunID: "run-of-" + project}, project)
			if err == nil {
				err = errors.Join(w.Finish(t.Context(), runRow(load.Owner{RunID: "run-of-" + project})), w.Close())
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	if runs := (subject{database, "polyai"}).Dump(t).Runs; len(runs) != 3 {
		t.Errorf("the runs are %+v, want three", runs)
	}
}

// A database that lost a commit of one project ends the run, which may rely on it
// for the others, too.
func TestLostCommits_OneProject(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	w := begin(t, d, "run-1", "p", "q")
	for _, project := range []string{"p", "q", "q"} {
		if err := stageIn(t, w, project, "c-1"); err != nil {
			t.Fatal(err)
		}
	}
	pgtest.Exec(t, inSchema(t, database, "polyai"), "UPDATE sync_locks SET commits = commits - 1 WHERE name = 'project:q'")
	if err := stageIn(t, w, "p", "c-2"); err != nil {
		t.Errorf("the other project: %v", err)
	}
	for name, err := range map[string]error{
		"Stage":  stageIn(t, w, "q", "c-2"),
		"Finish": w.Finish(t.Context(), runRow(load.Owner{RunID: "run-1"})),
		"Other":  stageIn(t, w, "p", "c-3"),
	} {
		if !errors.Is(err, errLostCommits) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
