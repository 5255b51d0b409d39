//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package parquet_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/parquet"
)

// refused checks that a writer cannot begin, and which lock it did not get.
func refused(t *testing.T, l load.Destination, project, runID string, projects ...string) {
	t.Helper()
	w, err := l.Begin(t.Context(), load.Owner{RunID: "refused"}, projects...)
	var locked *load.LockedError
	if !errors.As(err, &locked) || locked.Project != project || locked.Owner.RunID != runID {
		t.Errorf("Begin of %q returned %v, want a LockedError of project %q and run %q", projects, err, project, runID)
	}
	if w != nil && err == nil {
		_ = w.Close()
	}
}

// Writers of one process exclude each other as those of several processes do.
func TestLock_OneProcess(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	l := s.Impatient(t)
	if err := l.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	w, err := beginOf(t.Context(), l, "run-1", "q", "p")
	if err != nil {
		t.Fatal(err)
	}
	refused(t, l, "p", "run-1", "p")
	refused(t, l, "q", "run-1", "a", "q", "z")
	refused(t, l, "p", "run-1")
	other, err := beginOf(t.Context(), l, "run-2", "z", "a") // the refused one holds none of them
	if err != nil {
		t.Fatal(err)
	}
	refused(t, l, "a", "run-2", "a", "b")
	if err := errors.Join(endOf(t.Context(), w, "run-1"), endOf(t.Context(), other, "run-2")); err != nil {
		t.Error(err)
	}
	whole, err := beginOf(t.Context(), l, "run-3")
	if err != nil {
		t.Fatal(err)
	}
	refused(t, l, "", "run-3", "p")
	refused(t, l, "", "run-3")
	if err := endOf(t.Context(), whole, "run-3"); err != nil {
		t.Error(err)
	}
}

// A project whose name is too long for a folder has a lock as well: it is refused
// when it is registered, and the others of its run are not.
func TestLock_LongName(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	l := s.Impatient(t)
	if err := l.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("long", 100)
	w, err := l.Begin(t.Context(), load.Owner{RunID: "run-1"}, long, "p")
	if err != nil {
		t.Fatal(err)
	}
	refused(t, l, long, "run-1", long)
	var name *load.ProjectNameError
	if err := w.Register(t.Context(), []load.Project{loadtest.Project(long)}); !errors.As(err, &name) {
		t.Errorf("Register returned %v", err)
	}
	if err := (unit{"p", 0}).publish(t.Context(), w, "run-1"); err != nil {
		t.Error(err)
	}
	if err := endOf(t.Context(), w, "run-1"); err != nil {
		t.Error(err)
	}
}

// `flock lake/_sync/lock` in a shell, and an older version, exclude every writer
// and are excluded by every writer.
func TestLock_Shell(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	s.run(t)
	l := s.Impatient(t)
	file, err := os.Open(filepath.Join(s.path, "_sync/lock"))
	if err == nil {
		err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}
	if err != nil {
		t.Fatal(err)
	}
	refused(t, l, "", "", "p")
	refused(t, l, "", "")
	if err := unix.Flock(int(file.Fd()), unix.LOCK_UN); err != nil {
		t.Fatal(err)
	}
	w, err := beginOf(t.Context(), l, "run-1", "p")
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); !errors.Is(err, unix.EWOULDBLOCK) {
		t.Errorf("flock during a run: %v", err)
	}
	if err := errors.Join(endOf(t.Context(), w, "run-1"), file.Close()); err != nil {
		t.Error(err)
	}
}

// An older version that begins although a writer of a project holds the lock, on
// a file system without flock, stops that writer.
func TestTakenOver_ByOlderVersion(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	l := s.Open(t, nil)
	if err := l.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	w, err := beginOf(t.Context(), l, "run-1", "p")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	name := filepath.Join(s.path, "_sync/position.json")
	older := strings.Replace(string(s.read(t, "_sync/position.json")), `"epoch":1`, `"epoch":2`, 1)
	older = strings.Replace(older, `"begun":1,`, "", 1)
	if err := os.WriteFile(name, []byte(older), 0o600); err != nil {
		t.Fatal(err)
	}
	var taken *load.TakenOverError
	if err := (unit{"p", 0}).publish(t.Context(), w, "run-1"); !errors.As(err, &taken) {
		t.Errorf("Publish returned %v", err)
	}
}

// A backup does not share its locks with the lake: they are files of their own.
func TestBackup_Locks(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	l := s.Open(t, nil).(*parquet.Lake)
	if err := l.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	w, err := beginOf(t.Context(), l, "run-1", "p")
	if err == nil {
		err = (unit{"p", 0}).publish(t.Context(), w, "run-1")
	}
	if err != nil {
		t.Fatal(err)
	}
	backup := newLake(t)
	if _, err := l.Backup(t.Context(), backup.path); err != nil {
		t.Fatal(err)
	}
	if err := runUnits(t.Context(), backup.Impatient(t), "run-2", "p", 2); err != nil {
		t.Errorf("a run over the backup: %v", err)
	}
	d := backup.Dump(t)
	checkUnits(t, backup, d, "p", 2)
	if len(d.Runs) != 2 { // the other one ran when the backup was made
		t.Errorf("the runs are %+v", d.Runs)
	}
	if err := errors.Join((unit{"p", 1}).publish(t.Context(), w, "run-1"), endOf(t.Context(), w, "run-1")); err != nil {
		t.Error(err)
	}
	checkUnits(t, s, s.Dump(t), "p", 2)
	if len(s.writers(t)) > 0 {
		t.Errorf("writers left: %v", s.writers(t))
	}
}
