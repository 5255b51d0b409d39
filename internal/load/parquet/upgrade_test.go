package parquet_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/parquet"
	"convsync/internal/warehouse"
)

// oldLake returns a copy of a lake that a program of an older layout wrote.
func oldLake(t testing.TB, version int) *lake {
	t.Helper()
	s := newLake(t)
	if err := os.CopyFS(s.path, os.DirFS(filepath.Join("testdata", fmt.Sprint("lake-", version)))); err != nil {
		t.Fatal(err)
	}
	return s
}

// migrate converts a lake, and reports each step.
func (s *lake) migrate(t testing.TB, step func(string)) {
	t.Helper()
	if err := s.Open(t, step).(*parquet.Lake).Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Only a migration touches a lake of an older layout.
func TestLake_OldLayout(t *testing.T) {
	t.Parallel()
	s := oldLake(t, 1)
	before := s.files(t)
	l := s.Open(t, nil)
	_, begin := l.Begin(t.Context(), load.Owner{})
	for call, err := range map[string]error{"Check": l.Check(t.Context()), "Prepare": l.Prepare(t.Context()), "Begin": begin} {
		if !errors.Is(err, load.ErrNeedsMigration) {
			t.Errorf("%s says %v", call, err)
		}
	}
	if after := s.files(t); len(after) > len(before) || !strings.Contains(string(s.read(t, "_sync/lake.json")), ":1}") {
		t.Errorf("it changed: %d files before, %d after", len(before), len(after))
	}
}

// checkMigrated checks what is stored after a migration, and applies all changes
// that the program of layout 1 did not have.
func checkMigrated(t testing.TB, s *lake) {
	t.Helper()
	l := s.Open(t, nil)
	s.isSound(t, l)
	rows := s.archived(t, feed)
	if len(rows) != 3 {
		t.Fatalf("%d conversations were read", len(rows))
	}
	if diff := loadtest.Diff(loadtest.Conversation("p", "c-1", loadtest.Noon), rows[0], loadtest.LoaderSet...); diff != "" {
		t.Error(diff)
	}
	start := warehouse.TimestampOf(loadtest.Noon)
	st := load.Window{At: start + 60e6, Missing: []load.Key{{ID: "c-1", StartedAt: start}}, Resolved: []string{"r-1"}}
	ended, shown := loadtest.Conversation("p", "open", loadtest.Noon), loadtest.Conversation("p", "hidden", loadtest.Noon.AddDate(0, 0, 1))
	counts := s.runWindow(t, st, start, ended, shown)
	if counts.Missing != 1 || counts.VisibleAgain != (load.VisibleAgain{Transcripts: 1}) || counts.Updated != 2 {
		t.Errorf("counts are %+v", counts)
	}
	sum := s.summary(t)
	if sum.Conversations != 3 || sum.Hidden != 0 || sum.Missing != 1 || sum.Rejects != 0 || len(sum.Lateness) < 2 {
		t.Errorf("the summary is %+v", sum)
	}
	if !strings.Contains(string(s.read(t, "_sync/lake.json")), ":3}") {
		t.Error("an older program would still write to it")
	}
	s.Dump(t) // compares the copies with the state
	if left := s.glob(t, "*/*/started_date=*"); len(left)+len(s.Leftovers(t)) > 0 {
		t.Errorf("left over: %v, %v", left, s.Leftovers(t))
	}
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	for version := 1; version <= 2; version++ {
		s := oldLake(t, version)
		s.migrate(t, nil)
		s.migrate(t, func(step string) { t.Errorf("again: %s", step) })
		checkMigrated(t, s)
	}
}

// A lake that differs from its records is not converted, and stays as it is.
func TestMigrate_Damaged(t *testing.T) {
	t.Parallel()
	const day = "turns/project_id=p/started_date=2024-03-14"
	for name, damage := range map[string]func(root string) error{
		"FileMissing":     func(root string) error { return os.Remove(filepath.Join(root, day, "part-0.parquet")) },
		"FileForeign":     func(root string) error { return os.WriteFile(filepath.Join(root, day, "notes.txt"), nil, 0o600) },
		"FileShort":       func(root string) error { return os.Truncate(filepath.Join(root, day, "part-0.parquet"), 100) },
		"ManifestMissing": func(root string) error { return os.RemoveAll(filepath.Join(root, "_sync/manifests")) },
		"ManifestOfOther": func(root string) error {
			return os.Truncate(filepath.Join(root, "_sync/manifests/project_id=p/2024-03.json"), 0)
		},
		"FolderNotInThere": func(root string) error {
			return os.Mkdir(filepath.Join(root, "turns/project_id=p/started_date=2024-04-01"), 0o700)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := oldLake(t, 2)
			if err := damage(s.path); err != nil {
				t.Fatal(err)
			}
			before := s.glob(t, "*/*/*/*")
			var state *load.StateError
			if err := s.Open(t, nil).(*parquet.Lake).Migrate(t.Context()); !errors.As(err, &state) {
				t.Errorf("Migrate says %v", err)
			}
			if after := s.glob(t, "*/*/*/*"); !slices.Equal(withoutTemporary(before), withoutTemporary(after)) {
				t.Errorf("it changed: %v, %v", before, after)
			}
		})
	}
}

func withoutTemporary(paths []string) []string {
	return slices.DeleteFunc(paths, func(path string) bool { return strings.HasPrefix(path, "tmp/") })
}

// A migration may be killed at any step. Before the last commit nothing that is
// stored has changed, and the next call continues.
func TestMigrate_Killed(t *testing.T) {
	t.Parallel()
	s := oldLake(t, 2)
	var cut []*lake
	s.migrate(t, func(string) {
		c := newLake(t)
		if err := os.CopyFS(c.path, os.DirFS(s.path)); err != nil {
			t.Fatal(err)
		}
		cut = append(cut, c)
	})
	if len(cut) < 20 {
		t.Errorf("%d steps", len(cut))
	}
	for i, c := range cut {
		written := 0
		c.migrate(t, func(step string) {
			if step == "migrate file" {
				written++
			}
		})
		checkMigrated(t, c)
		if i > len(cut)/2 && written > 2 { // the log of ids and the contents
			t.Errorf("after %d of %d steps, %d files are written again", i, len(cut), written)
		}
	}
}
