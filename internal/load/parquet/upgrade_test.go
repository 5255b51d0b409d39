package parquet_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
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

func TestALakeOfAnOlderLayoutIsReadAsItIs(t *testing.T) {
	t.Parallel()
	s := oldLake(t, 1)
	before := s.files(t)
	l := s.Open(t, nil)
	if err := l.Check(t.Context()); err != nil {
		t.Errorf("Check: %v", err)
	}
	if err := l.Prepare(t.Context()); err != nil {
		t.Errorf("Prepare: %v", err)
	}
	sum := s.summary(t)
	if sum.Conversations != 3 || sum.Hidden != 1 || sum.Missing != 0 || sum.Rejects != 1 || len(sum.Drift) != 1 || len(sum.Lateness) != 0 {
		t.Errorf("the summary is %+v", sum)
	}
	archive := l
	if keys, err := archive.Keys(t.Context(), feed, never, ever); err != nil || len(keys) != 3 || keys[0].ID != "c-1" || keys[2].ID != "hidden" {
		t.Errorf("the keys are %+v (%v)", keys, err)
	}
	if days, err := archive.HiddenDays(t.Context(), feed, load.Parts{Transcripts: true, Metrics: true}); err != nil || len(days) != 2 { // the other one may have metrics

		t.Errorf("hidden days are %v (%v)", days, err)
	}
	rows := s.archived(t, feed)
	if len(rows) != 3 {
		t.Fatalf("%d conversations were read", len(rows))
	}
	if diff := loadtest.Diff(loadtest.Conversation("p", "c-1", loadtest.Noon), rows[0], loadtest.LoaderSet...); diff != "" {
		t.Error(diff)
	}
	if after := s.files(t); len(after) > len(before) || !strings.Contains(string(s.read(t, "_sync/lake.json")), ":1}") {
		t.Errorf("reading changed it: %d files before, %d after", len(before), len(after))
	}
}

// renew applies all changes to a lake of an older layout that the older program
// did not have.
func renew(t testing.TB, s *lake) {
	t.Helper()
	start := warehouse.TimestampOf(loadtest.Noon)
	st := load.Window{At: start + 60e6, Missing: []load.Key{{ID: "c-1", StartedAt: start}}, Resolved: []string{"r-1"}}
	ended, shown := loadtest.Conversation("p", "open", loadtest.Noon), loadtest.Conversation("p", "hidden", loadtest.Noon.AddDate(0, 0, 1))
	counts := s.runWindow(t, st, start, ended, shown)
	if counts.Missing != 1 || counts.VisibleAgain != (load.VisibleAgain{Transcripts: 1}) || counts.Updated != 2 {
		t.Errorf("counts are %+v", counts)
	}
	sum := s.summary(t)
	if sum.Conversations != 3 || sum.Hidden != 0 || sum.Missing != 1 || sum.Rejects != 0 || len(sum.Lateness) != 2 {
		t.Errorf("the summary is %+v", sum)
	}
	if !strings.Contains(string(s.read(t, "_sync/lake.json")), ":2}") {
		t.Error("an older program would still write to it")
	}
	s.Dump(t) // compares the copies with the state
}

func TestAnOlderLayoutIsTakenUpByTheNextRun(t *testing.T) {
	t.Parallel()
	renew(t, oldLake(t, 1))
}

func TestTakingUpAnOlderLayoutMayBeCutOff(t *testing.T) {
	t.Parallel()
	s := oldLake(t, 1)
	var cut []*lake
	w, err := s.Open(t, func(string) {
		c := newLake(t)
		if err := os.CopyFS(c.path, os.DirFS(s.path)); err != nil {
			t.Fatal(err)
		}
		cut = append(cut, c)
	}).Begin(t.Context(), load.Owner{RunID: "run-2"})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if len(cut) < 5 {
		t.Errorf("%d steps", len(cut))
	}
	for _, c := range cut {
		renew(t, c)
	}
}
