package parquet_test

import (
	"io/fs"
	"maps"
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

// tables returns the files of the lake's tables, by path.
func (s *lake) tables(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(s.path, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.Contains(path, "project_id=") || filepath.Ext(path) != ".parquet" {
			return err
		}
		content, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, s.path)] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestPublish_Spilled checks that a window gives the same files wherever it is
// staged, and that its memory is returned.
func TestPublish_Spilled(t *testing.T) {
	t.Parallel()
	var want map[string]string
	for _, limit := range []int64{1 << 30, 40_000, 0} {
		s := newLake(t)
		l := s.Open(t, nil).(*parquet.Lake)
		parquet.StageLimit(l, limit)
		w := begin(t, l)
		for version := range 2 { // new; then some are changed
			id := load.WindowID(version)
			for i := range 30 {
				loadOf(t, w, id, stagedRows(i*2, 2, version))
			}
			if used := parquet.StagedBytes(l); (used > 0) != (limit > 0) || used > limit {
				t.Errorf("%d bytes are staged in memory, at most %d", used, limit)
			}
			if _, err := w.Publish(t.Context(), &load.Window{ID: id, Feed: feed, RunID: "run", At: warehouse.Timestamp(version + 1)}); err != nil {
				t.Fatal(err)
			}
			if used := parquet.StagedBytes(l); used != 0 {
				t.Errorf("%d bytes are staged after a publish", used)
			}
		}
		loadOf(t, w, 7, stagedRows(0, 2, 5))
		loadOf(t, w, 8, stagedRows(2, 2, 5))
		if _, err := w.Abandon(t.Context(), 7); err != nil {
			t.Error(err)
		}
		if err := w.Close(); err != nil || parquet.StagedBytes(l) != 0 {
			t.Errorf("%d bytes are staged after the end (%v)", parquet.StagedBytes(l), err)
		}
		got := s.tables(t)
		if want == nil {
			want = got
		}
		if len(got) == 0 || !maps.Equal(got, want) {
			t.Errorf("with %d bytes, the files %v differ", limit, slices.Sorted(maps.Keys(got)))
		}
	}
}

func begin(t *testing.T, l *parquet.Lake) load.Writer {
	t.Helper()
	if err := l.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	w, err := l.Begin(t.Context(), load.Owner{RunID: "run"}, feed.ProjectID)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func loadOf(t *testing.T, w load.Writer, id load.WindowID, rows []*warehouse.Rows) {
	t.Helper()
	if err := w.Stage(t.Context(), &load.Batch{Window: id, Feed: feed, Rows: rows}); err != nil {
		t.Fatal(err)
	}
}

// stagedRows returns conversations of two days. Those of another version differ
// in every third one.
func stagedRows(from, n, version int) (rows []*warehouse.Rows) {
	for i := from; i < from+n; i++ {
		r := loadtest.Conversation(feed.ProjectID, "c-"+string(rune('a'+i%26))+string(rune('a'+i/26)), loadtest.Noon.AddDate(0, 0, i%2), loadtest.Turns(1))
		if i%3 == 0 {
			r.Conversation.Note = warehouse.Text(strings.Repeat("changed ", version+1))
			loadtest.Seal(r)
		}
		rows = append(rows, r)
	}
	return rows
}
