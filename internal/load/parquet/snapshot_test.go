package parquet_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/load/parquet"
	"convsync/internal/warehouse"
)

// snapshot takes a snapshot, which is closed at the end of the test.
func (s *lake) snapshot(t testing.TB) *parquet.Snapshot {
	t.Helper()
	taken, err := s.Open(t, nil).(*parquet.Lake).Snapshot(t.Context(), parquet.SnapshotOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := taken.Close(); err != nil {
			t.Error(err)
		}
	})
	return taken
}

// editionIn returns the edition that the tables in a folder have.
func editionIn(t testing.TB, path string) (n int) {
	t.Helper()
	tables := &lake{path: path, parsed: map[string]parsedFile{}}
	conversations := readTable(t, tables, &warehouse.Conversations)
	if len(conversations) != 3 {
		t.Fatalf("there are %d conversations", len(conversations))
	}
	for _, c := range conversations {
		var of int
		if _, err := fmt.Sscan(string(c.Note), &of); err != nil {
			t.Fatal(err)
		}
		if n != 0 && of != n {
			t.Errorf("there are conversations of the editions %d and %d", n, of)
		}
		n = of
	}
	if turns := readTable(t, tables, &warehouse.Turns); len(turns) != 3*n {
		t.Errorf("edition %d has %d turns", n, len(turns))
	}
	return n
}

func TestSnapshot_WhileRunsWrite(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	s.run(t, edition(1)...)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 3; n <= 9; n += 2 {
			s.run(t, edition(n)...)
		}
	}()
	last := 0
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		taken := s.snapshot(t)
		if taken.InPlace != nil {
			t.Fatal(taken.InPlace)
		}
		n := editionIn(t, taken.Path)
		if n < last {
			t.Errorf("edition %d after %d", n, last)
		}
		last = n
		if err := taken.Close(); err != nil {
			t.Error(err)
		}
	}
	if last != 9 {
		t.Errorf("the last edition was %d", last)
	}
}

// A snapshot has the commit that a killed writer had begun: its journal is complete.
func TestSnapshot_AfterKill(t *testing.T) {
	t.Parallel()
	a, rows := arrangedRun(t)
	var cut []*lake
	seen := map[string]int{}
	a.load(t, func(step string) {
		if seen[step]++; seen[step] > 1 || step != "replace" && step != "exchange" && step != "done" {
			return
		}
		c := newLake(t)
		if err := os.CopyFS(c.path, os.DirFS(a.path)); err != nil {
			t.Error(err)
		}
		cut = append(cut, c)
	}, nil, rows)
	if len(cut) != 3 {
		t.Fatalf("there were %d steps", len(cut))
	}
	committed := false
	for i, c := range cut {
		stored := map[string]bool{}
		for _, row := range readTable(t, &lake{path: c.snapshot(t).Path, parsed: map[string]parsedFile{}}, &warehouse.Conversations) {
			if stored[row.ConversationID] {
				t.Errorf("step %d: %s occurs twice", i, row.ConversationID)
			}
			stored[row.ConversationID] = true
		}
		want := len(a.want)
		if stored[rows[0].Conversation.ConversationID] {
			want, committed = want+len(rows), true
		}
		if len(stored) != want {
			t.Errorf("step %d: there are %d conversations, want %d", i, len(stored), want)
		}
	}
	if !committed {
		t.Error("no step was that of the commit")
	}
}

func TestSnapshot_Leftovers(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	s.run(t, edition(1)...)
	l := s.Open(t, nil).(*parquet.Lake)
	kill := parquet.Killable(l)
	left, err := l.Snapshot(t.Context(), parquet.SnapshotOptions{})
	if err != nil {
		t.Fatal(err)
	}
	living := s.snapshot(t)
	if _, err := os.Stat(left.Path); err != nil {
		t.Errorf("a snapshot was removed that is in use: %v", err)
	}
	kill()
	s.snapshot(t)
	if _, err := os.Stat(left.Path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a snapshot of a killed process remains: %v", err)
	}
	if n := editionIn(t, living.Path); n != 1 {
		t.Errorf("another one has edition %d", n)
	}
	backup := filepath.Join(folder(t), "backup")
	if _, err := l.Backup(t.Context(), backup); err != nil {
		t.Fatal(err)
	}
	if found, _ := filepath.Glob(filepath.Join(backup, "_sync", "query-*")); len(found) > 0 {
		t.Errorf("the backup has %q", found)
	}
	s.isSound(t, l)
}

func TestSnapshot_Close(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	s.run(t, edition(1)...)
	before := sums(t, s.path)
	taken := s.snapshot(t)
	if _, err := os.Stat(taken.Temporary); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := taken.Close(); err != nil {
			t.Error(err)
		}
	}
	after := sums(t, s.path)
	for path := range after {
		if _, known := before[path]; !known {
			t.Errorf("%s remains", path)
		}
	}
	if len(after) != len(before) {
		t.Errorf("there are %d files, before %d", len(after), len(before))
	}
}

func TestSnapshot_Tables(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	s.run(t, edition(1)...)
	for want, tables := range map[string][]string{"[turns]": {"turns", "none"}, "[]": {}} {
		taken, err := s.Open(t, nil).(*parquet.Lake).Snapshot(t.Context(), parquet.SnapshotOptions{Tables: tables})
		if err != nil {
			t.Fatal(err)
		}
		entries, err := os.ReadDir(taken.Path)
		if err != nil {
			t.Error(err)
		}
		names := []string{}
		for _, e := range entries {
			names = append(names, e.Name())
		}
		if fmt.Sprint(names) != want {
			t.Errorf("of %q there is %q", tables, names)
		}
		if err := taken.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestSnapshot_InPlace(t *testing.T) {
	t.Parallel()
	for name, failure := range map[string]struct {
		op  string
		err error
	}{"ReadOnly": {"mkdir", syscall.EROFS}, "Forbidden": {"open", syscall.EACCES}, "NoLinks": {"link", syscall.EPERM}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newLake(t)
			s.run(t, edition(1)...)
			l := s.Open(t, nil).(*parquet.Lake)
			parquet.Failing(l, func(op, path string) error {
				if op == failure.op {
					return failure.err
				}
				return nil
			})
			taken, err := l.Snapshot(t.Context(), parquet.SnapshotOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if !errors.Is(taken.InPlace, failure.err) || taken.Path != s.path || editionIn(t, taken.Path) != 1 {
				t.Errorf("got %+v", taken)
			}
			temporary := taken.Temporary
			if err := taken.Close(); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(temporary); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s: %v", temporary, err)
			}
			if found, _ := filepath.Glob(filepath.Join(s.path, "_sync", "query-*")); len(found) > 0 {
				t.Errorf("left behind: %q", found)
			}
		})
	}
}

func TestSnapshot_NoLake(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	_, err := s.Open(t, nil).(*parquet.Lake).Snapshot(t.Context(), parquet.SnapshotOptions{})
	var state *load.StateError
	if !errors.As(err, &state) || !strings.Contains(err.Error(), "there is no lake") || state.Hint == "" {
		t.Errorf("got %v", err)
	}
}

func TestSnapshot_WaitsForCommit(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	s.run(t, edition(1)...)
	tried := false
	w, err := s.Open(t, func(step string) {
		if step != "replace" {
			return
		}
		tried = true
		l := s.Open(t, nil).(*parquet.Lake)
		parquet.CommitWait(l, time.Millisecond)
		var locked *load.LockedError
		if _, err := l.Snapshot(t.Context(), parquet.SnapshotOptions{}); !errors.As(err, &locked) {
			t.Errorf("a snapshot during a commit: %v", err)
		}
	}).Begin(t.Context(), load.Owner{RunID: "writes", Started: 1})
	if err != nil {
		t.Fatal(err)
	}
	publish(t, w, 1, edition(3)...)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if !tried {
		t.Error("nothing was committed")
	}
}
