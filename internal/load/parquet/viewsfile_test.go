package parquet_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/warehouse"
)

// TestViewsFile follows views.sql through runs: it names the tables that have files,
// and remains the same file while they do not change.
func TestViewsFile(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	if err := s.Open(t, nil).Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(s.path, "views.sql")
	at := time.Date(2024, 3, 14, 12, 0, 0, 0, time.UTC)
	run := func(window load.Window, rows ...*warehouse.Rows) (text string, info os.FileInfo) {
		t.Helper()
		w, err := s.Open(t, nil).Begin(t.Context(), load.Owner{RunID: "run", Started: 1})
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) > 0 || window.Missing != nil {
			publishWindow(t, w, window, 0, rows...)
		}
		if err := w.Finish(t.Context(), &warehouse.SyncRun{RunID: "run", Status: warehouse.RunSucceeded}); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if info, err = os.Stat(path); err != nil {
			t.Fatal(err)
		}
		return string(content), info
	}
	reads := func(text string, tables ...string) {
		t.Helper()
		for _, table := range []string{"conversations", "turns", "turn_entities", "projects", "webhook_events"} {
			got, want := strings.Contains(text, "read_parquet('"+table+"/**/*.parquet'"), strings.Contains(strings.Join(tables, " "), table)
			if got != want {
				t.Errorf("it reads files of %s: %v, want %v", table, got, want)
			}
		}
	}
	empty, _ := run(load.Window{})
	reads(empty, "projects", "webhook_events")
	without, _ := run(load.Window{ID: 1, At: 1}, loadtest.Conversation("p", "c-1", at, loadtest.Hidden(warehouse.Some(int64(3)))))
	reads(without, "projects", "webhook_events", "conversations")
	full, before := run(load.Window{ID: 2, At: 2}, loadtest.Conversation("p", "c-2", at))
	reads(full, "projects", "webhook_events", "conversations", "turns", "turn_entities")
	if _, after := run(load.Window{}); !os.SameFile(before, after) {
		t.Error("it was written again with the same text")
	}
	missing := []load.Key{{ID: "c-2", StartedAt: warehouse.TimestampOf(at)}}
	if again, _ := run(load.Window{ID: 3, At: 3, Missing: missing, DeleteMissing: true}); again != without {
		t.Error("it does not have the tables that remain")
	}
	s.isSound(t, s.Open(t, nil))
}
