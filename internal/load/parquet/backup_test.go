package parquet_test

import (
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/parquet"
	"convsync/internal/warehouse"
)

// sums returns the checksums of all files below a folder, by path.
func sums(t testing.TB, root string) map[string][sha256.Size]byte {
	t.Helper()
	found := map[string][sha256.Size]byte{}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		found[path] = sha256.Sum256(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// A backup before each step of a writer is the lake as of one commit. Runs over
// the lake do not change the backup, and the other way round.
func TestBackup(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	s.run(t, edition(1)...)
	backups := folder(t)
	var made []*lake
	begun := false
	w, err := s.Open(t, func(step string) {
		if !begun || step == "fence" || step == "replace" || step == "append" || step == "remove" || step == "done" {
			return // the writer holds the lock that a backup takes
		}
		b := &lake{path: filepath.Join(backups, string(rune('a'+len(made)))), parsed: map[string]parsedFile{}}
		done, err := s.Open(t, nil).(*parquet.Lake).Backup(t.Context(), b.path)
		if err != nil || done.Files < 10 || done.Copied == 0 || done.Copied > done.Files/2 || done.Bytes == 0 {
			t.Errorf("backup at %s: %+v (%v)", step, done, err)
		}
		made = append(made, b)
	}).Begin(t.Context(), load.Owner{RunID: "writes", Started: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Register(t.Context(), []load.Project{loadtest.Project("p")}); err != nil {
		t.Fatal(err)
	}
	begun = true
	for n := 3; n <= 7; n += 2 { // with entities: a response without any keeps the stored ones
		publish(t, w, load.WindowID(n), edition(n)...)
	}
	err = w.Finish(t.Context(), &warehouse.SyncRun{RunID: "writes", StartedAt: 1})
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	if len(made) < 10 {
		t.Errorf("only %d backups", len(made))
	}
	for _, b := range made {
		b.isSound(t, b.Open(t, nil))
		editionOf(t, b.archived(t, feed))
		before := sums(t, b.path)
		s.run(t, edition(9)...)
		for path, sum := range sums(t, b.path) {
			if before[path] != sum {
				t.Errorf("a run changed %s in a backup", path)
			}
		}
		s.run(t, edition(7)...)
		source := sums(t, s.path)
		b.run(t, edition(11)...)
		if n := editionOf(t, b.archived(t, feed)); n != 11 {
			t.Errorf("after a run the restored lake has edition %d", n)
		}
		b.Dump(t)
		for path, sum := range sums(t, s.path) {
			if source[path] != sum {
				t.Errorf("a run over a backup changed %s", path)
			}
		}
	}
}

func TestBackup_Refused(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "file"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	l := s.Open(t, nil).(*parquet.Lake)
	if _, err := l.Backup(t.Context(), filepath.Join(t.TempDir(), "new")); err == nil {
		t.Error("a folder that is no lake is backed up")
	}
	s.run(t, edition(1)...)
	for name, to := range map[string]string{"not empty": full, "in the lake": filepath.Join(s.path, "backup"), "the lake": s.path} {
		var refused *load.StateError
		if _, err := l.Backup(t.Context(), to); !errors.As(err, &refused) || refused.Hint == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A backup to another file system is a copy, and no links remain.
func TestBackup_OtherFileSystem(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	s.run(t, edition(1)...)
	other := filepath.Join(t.TempDir(), "backup") // on disk, where lakes of tests are in memory
	done, err := s.Open(t, nil).(*parquet.Lake).Backup(t.Context(), other)
	if err != nil || done.Files == 0 {
		t.Fatalf("%+v, %v", done, err)
	}
	b := &lake{path: other, parsed: map[string]parsedFile{}}
	if n := editionOf(t, b.archived(t, feed)); n != 1 {
		t.Errorf("the backup has edition %d", n)
	}
	if left, err := filepath.Glob(filepath.Join(s.path, "_sync/backup-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
