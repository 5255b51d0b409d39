package parquet_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/warehouse"
)

// Another writer publishes and finishes after a writer has copied the feed of
// changes, and before that one finishes and removes expired changes. The copy
// keeps the changes of the other writer, which does not copy them again.
func TestFinish_NewerCopyOfChanges(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	l := s.Open(t, nil)
	if err := l.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	ended := func(at warehouse.Timestamp) *warehouse.SyncRun {
		return &warehouse.SyncRun{
			RunID:      "run-p",
			Status:     warehouse.RunSucceeded,
			StartedAt:  at,
			FinishedAt: warehouse.Some(at),
			SourceAt:   warehouse.Some(at),
		}
	}
	first, err := beginOf(t.Context(), l, "run-0", "p")
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join((unit{"p", 0}).publish(t.Context(), first, "run-0"), first.Finish(t.Context(), ended(1)), first.Close())
	if err != nil {
		t.Fatal(err)
	}
	other, err := beginOf(t.Context(), l, "run-q", "q")
	if err != nil {
		t.Fatal(err)
	}
	finishing := false
	w, err := beginOf(t.Context(), s.Open(t, func(step string) {
		if finishing && step == "journal" {
			finishing = false
			if err := errors.Join((unit{"q", 48}).publish(t.Context(), other, "run-q"), endOf(t.Context(), other, "run-q")); err != nil {
				t.Error(err)
			}
		}
	}), "run-p", "p")
	if err == nil {
		err = (unit{"p", 24}).publish(t.Context(), w, "run-p") // on another day, in another file
	}
	if err != nil {
		t.Fatal(err)
	}
	finishing = true
	late := warehouse.TimestampOf(loadtest.Noon.AddDate(0, 0, load.KeepChanges+1))
	if err := errors.Join(w.Finish(t.Context(), ended(late)), w.Close()); err != nil {
		t.Fatal(err)
	}
	if d := s.Dump(t); len(d.Changes) != 4 || finishing {
		t.Errorf("%d changes are stored, want 4", len(d.Changes))
	}
}

// TestFinish_EqualCopies ends a run that changed nothing: the copies of the sync's
// own tables stay, except for those of the runs and the lock. A damaged copy is
// replaced.
func TestFinish_EqualCopies(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	l := s.Open(t, nil)
	if err := l.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	run := func(id string) {
		t.Helper()
		w, err := beginOf(t.Context(), l, id, "p")
		if err == nil {
			err = endOf(t.Context(), w, id)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	look := func() map[string]os.FileInfo {
		t.Helper()
		copies := map[string]os.FileInfo{}
		for _, table := range []string{"projects", "sync_coverage", "erasures", "schema_drift", "sync_holes", "sync_locks", "sync_runs"} {
			info, err := os.Stat(filepath.Join(s.path, table, "part-0.parquet"))
			if err != nil {
				t.Fatal(err)
			}
			copies[table] = info
		}
		return copies
	}
	run("run-1")
	before := look()
	damaged := filepath.Join(s.path, "erasures", "part-0.parquet")
	text, err := os.ReadFile(damaged)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)/2] ^= 1
	if err := os.WriteFile(damaged, text, 0o600); err != nil {
		t.Fatal(err)
	}
	run("run-2")
	for table, info := range look() {
		changes := table == "sync_locks" || table == "sync_runs" || table == "erasures"
		if os.SameFile(info, before[table]) == changes {
			t.Errorf("the copy of %s is the same file: %t", table, !changes)
		}
	}
}
