package parquet_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"convsync/internal/load/loadtest"
	"convsync/internal/load/parquet"
)

// A snapshot for a conversation has the files of the days that had it, and of tables
// without a start.
func TestSnapshot_Conversation(t *testing.T) {
	t.Parallel()
	s := newDailyLake(t)
	day := func(n int) (name string) { return loadtest.Noon.AddDate(0, 0, n).Format("2006-01/d02") }
	put := func(project, id string, n int) {
		s.run(t, loadtest.Conversation(project, id, loadtest.Noon.AddDate(0, 0, n)))
	}
	put("p", "c-1", 0)
	put("p", "c-2", 1)
	put("p", "c-3", 40)
	put("p", "c-3", 41) // the source has corrected its start
	for id, want := range map[string][]string{
		"c-1": {day(0)}, "c-3": {day(41)}, "c-4": nil, "": {day(0), day(1), day(41)},
	} {
		if got := s.linked(t, id); !slices.Equal(got, want) {
			t.Errorf("%q: the snapshot has the turns of %q, want %q", id, got, want)
		}
	}
	// Without its log, the conversation may be on any day.
	if err := os.RemoveAll(filepath.Join(s.path, "_sync", "ids")); err != nil {
		t.Fatal(err)
	}
	if got := s.linked(t, "c-1"); len(got) != 3 {
		t.Errorf("without a log, the snapshot has the turns of %q", got)
	}
}

// linked lists the files of turns in a snapshot for a conversation, by month and day.
func (s *lake) linked(t *testing.T, id string) (found []string) {
	t.Helper()
	taken, err := s.Open(t, nil).(*parquet.Lake).Snapshot(t.Context(), parquet.SnapshotOptions{Tables: []string{"turns", "projects"}, Conversation: id})
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	projects := 0
	err = fs.WalkDir(os.DirFS(taken.Path), ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil || e.IsDir():
		case strings.HasPrefix(name, "turns/"):
			_, month, _ := strings.Cut(path.Dir(name), "started_month=")
			found = append(found, month+"/"+strings.TrimSuffix(path.Base(name), ".parquet"))
		default:
			projects++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if projects == 0 {
		t.Error("the snapshot has no projects")
	}
	return found
}
