package parquet_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/parquet"
	"convsync/internal/warehouse"
)

// A journal whose new files are missing does not count as done because older
// files exist: the day is reported, and no longer counts as read.
func TestRecover(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		again    bool
		projects []string
	}{"NewFilesGone": {}, "KilledWhileMended": {again: true}, "ByOtherProject": {projects: []string{"other"}}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newLake(t)
			s.run(t, loadtest.Conversation("p", "c-1", loadtest.Noon, loadtest.Note("a")))
			cut := newLake(t)
			w, err := s.Open(t, func(step string) {
				if step == "replace" && cut.read(t, "_sync/lake.json") == nil && len(s.read(t, "_sync/journal.json")) > 0 && strings.Contains(string(s.read(t, "_sync/journal.json")), "started_month") {
					if err := os.CopyFS(cut.path, os.DirFS(s.path)); err != nil {
						t.Error(err)
					}
				}
			}).Begin(t.Context(), load.Owner{RunID: "cut off", Started: 1})
			if err != nil {
				t.Fatal(err)
			}
			publishWindow(t, w, coveredDay(0), 0, loadtest.Conversation("p", "c-1", loadtest.Noon, loadtest.Note("b")))
			if err := w.Close(); err != nil {
				t.Error(err)
			}
			s = cut
			files, err := filepath.Glob(filepath.Join(s.path, "_sync/tmp/*"))
			if err != nil || len(files) == 0 {
				t.Fatalf("no new files (%v)", err)
			}
			for _, f := range files {
				if err := os.Remove(f); err != nil {
					t.Fatal(err)
				}
			}
			if c.again {
				s = s.killedAt(t, "fence")
			}
			w, err = s.Open(t, nil).Begin(t.Context(), load.Owner{RunID: "next", Started: 2}, c.projects...)
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Register(t.Context(), []load.Project{loadtest.Project("p")}); err != nil {
				t.Fatal(err)
			}
			var locked *load.LockedError
			if _, err := s.Impatient(t).Begin(t.Context(), load.Owner{}, "p"); !errors.As(err, &locked) {
				t.Errorf("a writer of the damaged project began: %v", err)
			}
			if found := recovered(t, w); !named(found, "conversations/project_id=p/started_month=2024-03/d01-31.parquet could not be written") {
				t.Errorf("found is %+v", found)
			}
			if d := s.Dump(t); len(d.Coverage) > 0 {
				t.Errorf("covered is %+v", d.Coverage)
			}
			again := loadtest.Conversation("p", "c-1", loadtest.Noon, loadtest.Note("b"))
			if counts := publishWindow(t, w, coveredDay(0), 0, again); counts.Updated != 1 {
				t.Errorf("reading the day again counts %+v", counts)
			}
			if err := w.Close(); err != nil {
				t.Error(err)
			}
			if diff := loadtest.Diff(again, s.Dump(t).Conversations[[2]string{"p", "c-1"}], loadtest.LoaderSet...); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// killedAt returns the lake after a writer was killed before a step of its
// start.
func (s *lake) killedAt(t *testing.T, step string) *lake {
	t.Helper()
	cut := newLake(t)
	w, err := s.Open(t, func(name string) {
		if name == step && cut.read(t, "_sync/lake.json") == nil {
			if err := os.CopyFS(cut.path, os.DirFS(s.path)); err != nil {
				t.Error(err)
			}
		}
	}).Begin(t.Context(), load.Owner{RunID: "killed", Started: 2})
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return cut
}

// years makes a lake with a conversation on each of n days.
func years(t testing.TB, n int) *lake {
	t.Helper()
	s := newDailyLake(t)
	s.run(t, starts(n)...)
	return s
}

// starts are conversations on each of n days.
func starts(n int) []*warehouse.Rows {
	rows := make([]*warehouse.Rows, n)
	for i := range rows {
		rows[i] = loadtest.Conversation("p", fmt.Sprint("c-", i), loadtest.Noon.AddDate(0, 0, -i), loadtest.Turns(1), loadtest.NoMetrics(""))
	}
	return rows
}

// opens lists the files and folders that a run opens to load a conversation.
func (s *lake) opens(t testing.TB, row *warehouse.Rows) (opened []string) {
	t.Helper()
	l := s.open(t, parquet.Options{LockWait: lockTimeout}).(*parquet.Lake)
	parquet.OnOpen(l, func(path string) { opened = append(opened, path) })
	w, err := l.Begin(t.Context(), load.Owner{RunID: "one", Started: 2})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Register(t.Context(), []load.Project{loadtest.Project("p")}); err != nil {
		t.Fatal(err)
	}
	if found := recovered(t, w); len(found) > 0 {
		t.Errorf("found is %+v", found)
	}
	if counts := publish(t, w, 1, row); counts.Inserted+counts.Updated != 1 {
		t.Errorf("counted %+v", counts)
	}
	err = w.Finish(t.Context(), &warehouse.SyncRun{RunID: "one", StartedAt: 2})
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return opened
}

// The number of files that a run opens depends on what changes: it opens the
// manifest and a folder per table of each month, the log of ids of each year, and
// only the files of its own day.
func TestOpens(t *testing.T) {
	t.Parallel()
	const few, many = 20, 200
	counted := map[int]int{}
	for _, n := range []int{few, many} {
		s := years(t, n)
		opened := s.opens(t, loadtest.Conversation("p", "new", loadtest.Noon.AddDate(0, 0, 1), loadtest.Turns(1)))
		counted[n] = len(opened)
		for _, path := range opened {
			if strings.HasSuffix(path, ".parquet") && strings.Contains(path, "started_month=") && !strings.Contains(path, "/d15") {
				t.Errorf("with %d days, %s is opened", n, path)
			}
		}
	}
	const months, perMonth, years = 8 - 2, 1 + 5, 1
	if more := counted[many] - counted[few]; more > months*perMonth+years {
		t.Errorf("%d files are opened with %d days, and %d with %d", counted[many], many, counted[few], few)
	}
}

// A moved conversation is found by the log of ids, in either layout.
func TestOpens_Moved(t *testing.T) {
	t.Parallel()
	for _, daily := range []bool{false, true} {
		s := newLake(t)
		s.daily = daily
		s.run(t, starts(40)...)
		for i, note := range []string{"moved", "moved again"} {
			s.opens(t, loadtest.Conversation("p", "c-33", loadtest.Noon.AddDate(0, 0, 1+i), loadtest.Note(note)))
			if d := s.Dump(t); len(d.Conversations) != 40 { // Dump checks that none is stored twice
				t.Errorf("%d conversations are stored", len(d.Conversations))
			}
		}
	}
}

// BenchmarkOpen starts a run over ten years of days, and compares their files.
func BenchmarkOpen(b *testing.B) {
	s := years(b, 3655)
	for b.Loop() {
		w, err := s.Open(b, nil).Begin(b.Context(), load.Owner{RunID: "one", Started: 2})
		if err != nil {
			b.Fatal(err)
		}
		err = w.Register(b.Context(), []load.Project{loadtest.Project("p")})
		recovered(b, w)
		if err := errors.Join(err, w.Close()); err != nil {
			b.Fatal(err)
		}
	}
}

// A copy that was made during a write may lack the folder of a file that its journal
// removes.
func TestRecover_FolderGone(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	s.run(t, loadtest.Conversation("p", "c-1", loadtest.Noon))
	journal := []byte(`[{"kind":"remove","to":"_sync/writers/gone.json"}]`)
	err := errors.Join(os.RemoveAll(filepath.Join(s.path, "_sync/writers")), os.WriteFile(filepath.Join(s.path, "_sync/journal.json"), journal, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	s.run(t, loadtest.Conversation("p", "c-2", loadtest.Noon))
}
