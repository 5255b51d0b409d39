package parquet_test

import (
	"os"
	"path/filepath"
	"testing"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
)

// A commit that fails before its journal is written leaves nothing behind in the
// memory of the writer: the next commit does not record its files.
func TestCommit_Failed(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	first := s.Open(t, nil)
	if err := first.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := runUnits(t.Context(), first, "run-1", "p", 1); err != nil {
		t.Fatal(err)
	}
	fail := false
	w, err := beginOf(t.Context(), s.Open(t, func(step string) {
		if fail && step == "journal" {
			fail = false
			if err := os.RemoveAll(filepath.Join(s.path, "_sync/tmp/project_id=p")); err != nil {
				t.Error(err)
			}
			if err := os.Mkdir(filepath.Join(s.path, "_sync/tmp/project_id=p"), 0o700); err != nil {
				t.Error(err)
			}
		}
	}), "run-2", "p")
	if err != nil {
		t.Fatal(err)
	}
	fail = true
	if err := (unit{"p", 1}).publish(t.Context(), w, "run-2"); err == nil {
		t.Error("a commit without its files succeeded")
	}
	if err := endOf(t.Context(), w, "run-2"); err != nil {
		t.Fatal(err)
	}
	next, err := first.Begin(t.Context(), load.Owner{RunID: "run-3"}, "p")
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	if err := next.Register(t.Context(), []load.Project{loadtest.Project("p")}); err != nil {
		t.Fatal(err)
	}
	if found := recovered(t, next); len(found) > 0 {
		t.Errorf("the next run finds %+v", found)
	}
	s.isSound(t, first)
}
