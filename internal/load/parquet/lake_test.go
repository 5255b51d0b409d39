package parquet_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/warehouse"
)

var feed = load.Feed{ProjectID: "p", Environment: loadtest.Live}

// run stages and publishes the rows as one window.
func (s *lake) run(t testing.TB, rows ...*warehouse.Rows) load.Counts {
	t.Helper()
	return s.runWindow(t, load.Window{At: 5}, 0, rows...)
}

// runWindow publishes a window of the feed.
func (s *lake) runWindow(t testing.TB, st load.Window, liveSince warehouse.Timestamp, rows ...*warehouse.Rows) load.Counts {
	t.Helper()
	l := s.Open(t, nil)
	if err := l.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	w, err := l.Begin(t.Context(), load.Owner{RunID: "run", Started: 1})
	if err != nil {
		t.Fatal(err)
	}
	st.ID = 1
	counts := publishWindow(t, w, st, liveSince, rows...)
	err = w.Finish(t.Context(), &warehouse.SyncRun{RunID: "run", Kind: "incremental", Status: "succeeded", StartedAt: 1})
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return counts
}

func publish(t testing.TB, w load.Writer, id load.WindowID, rows ...*warehouse.Rows) load.Counts {
	t.Helper()
	return publishWindow(t, w, load.Window{ID: id, At: 5}, 0, rows...)
}

func publishWindow(t testing.TB, w load.Writer, st load.Window, liveSince warehouse.Timestamp, rows ...*warehouse.Rows) load.Counts {
	t.Helper()
	st.Feed, st.RunID = feed, "run"
	batch := load.Batch{Window: st.ID, Feed: feed, LiveSince: liveSince, Moved: map[string]load.Place{}}
	for {
		batch.Rows = make([]*warehouse.Rows, len(rows))
		for i := range rows {
			batch.Rows[i] = loadtest.Clone(rows[i])
		}
		if err := w.Stage(t.Context(), &batch); err != nil {
			t.Fatal(err)
		}
		counts, err := w.Publish(t.Context(), &st)
		var earlier *load.EarlierStartsError
		if err != nil && (!errors.As(err, &earlier) || len(batch.Moved) > 0) {
			t.Fatal(err)
		}
		if err == nil {
			return counts
		}
		for _, o := range earlier.Earlier { // the simulated source no longer lists them there
			batch.Moved[o.ID] = load.Place{Environment: loadtest.Live, StartedAt: o.Stored}
		}
	}
}

// files describes the files below the lake's tables and state, by path.
func (s *lake) files(t testing.TB) map[string]os.FileInfo {
	t.Helper()
	files := map[string]os.FileInfo{}
	err := filepath.WalkDir(s.path, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		files[strings.TrimPrefix(filepath.ToSlash(path), filepath.ToSlash(s.path)+"/")] = info
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestUnchangedDayIsNotWritten(t *testing.T) {
	t.Parallel()
	s := newDailyLake(t)
	today, tomorrow := loadtest.Noon, loadtest.Noon.AddDate(0, 0, 1)
	hidden := loadtest.Conversation("p", "c-3", tomorrow, loadtest.Hidden(warehouse.Some(int64(3))))
	s.run(t, loadtest.Conversation("p", "c-1", today), loadtest.Conversation("p", "c-2", tomorrow), loadtest.Conversation("p", "c-3", tomorrow))
	s.run(t, hidden) // its turns are kept
	before := s.files(t)
	changed := loadtest.Conversation("p", "c-1", today, loadtest.Note("was read"))
	s.run(t, changed, loadtest.Conversation("p", "c-2", tomorrow), hidden)
	after := s.files(t)
	for path, was := range before {
		is := after[path]
		same := is != nil && os.SameFile(was, is) && was.ModTime().Equal(is.ModTime())
		switch {
		case strings.Contains(path, "started_month=2024-03/d15") && !same:
			t.Errorf("%s was written again", path)
		case strings.Contains(path, "started_month=2024-03/d14") && same:
			t.Errorf("%s holds what changed and was not written", path)
		}
	}
}

func TestLake_RowOrder(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	second := loadtest.Noon.Add(time.Second)
	s.run(t, loadtest.Conversation("p", "c", second), loadtest.Conversation("p", "a", second))
	s.run(t, loadtest.Conversation("p", "b", second), loadtest.Conversation("p", "z", loadtest.Noon))
	for table, order := range map[string][]string{
		"conversations": {"z", "a", "b", "c"}, "turns": {"z", "z", "z", "a", "a", "a", "b", "b", "b", "c", "c", "c"},
	} {
		var got []string
		if table == "turns" {
			for _, r := range readTable(t, s, &warehouse.Turns) {
				got = append(got, r.ConversationID)
			}
		} else {
			for _, r := range readTable(t, s, &warehouse.Conversations) {
				got = append(got, r.ConversationID)
			}
		}
		if !slices.Equal(got, order) {
			t.Errorf("%s are in the order %v, want %v", table, got, order)
		}
	}
}

func TestTheManifestDescribesTheFiles(t *testing.T) {
	t.Parallel()
	s := newDailyLake(t)
	s.run(t, loadtest.Conversation("p", "c-1", loadtest.Noon), loadtest.Conversation("p", "c-2", loadtest.Noon.AddDate(0, 0, 1)))
	s.run(t, loadtest.Conversation("p", "c-2", loadtest.Noon)) // its day is empty now
	var manifest struct {
		Days       map[string]any
		Partitions map[string]struct {
			Files map[string]struct {
				Rows, Bytes int64
				SHA256      string
			}
		}
	}
	if err := json.Unmarshal(s.read(t, "_sync/manifests/project_id=p/2024-03.json"), &manifest); err != nil {
		t.Fatal(err)
	}
	if len(manifest.Partitions) != 1 || len(manifest.Days) != 1 {
		t.Errorf("the manifest has %d partitions and %d days, want 1", len(manifest.Partitions), len(manifest.Days))
	}
	files := manifest.Partitions["d14"].Files
	for table, rows := range map[string]int64{"conversations": 2, "turns": 6, "turn_entities": 18, "conversation_metrics": 6, "audio_references": 2} {
		text := s.read(t, table+"/project_id=p/started_month=2024-03/d14.parquet")
		sum := sha256.Sum256(text)
		if f := files[table]; f.Rows != rows || f.Bytes != int64(len(text)) || f.SHA256 != hex.EncodeToString(sum[:]) {
			t.Errorf("%s is described as %+v, and has %d bytes", table, f, len(text))
		}
	}
	for path := range s.files(t) {
		if strings.Contains(path, "d15") {
			t.Errorf("%s holds a day without conversations", path)
		}
	}
}

func TestChangesAreKeptForNinetyDays(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	for i, days := range []int{0, 60, 91} {
		s.change(t, string(rune('a'+i)), days)
	}
	if got := s.changed(t); !slices.Equal(got, []string{"b", "c"}) {
		t.Errorf("after 91 days the changes of %v are kept, want those of b and c", got)
	}
}

// A file of an older version that is dated in the future must not keep the
// changes after it, and must not be removed before they are old enough.
func TestChanges(t *testing.T) {
	t.Parallel()
	for name, file := range map[string]string{"FutureFile": "2099-01-01", "PastFile": "1999-01-01"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newLake(t)
			s.change(t, "a", 0)
			files, err := filepath.Glob(filepath.Join(s.path, "_sync/changes/*"))
			if err != nil || len(files) != 1 {
				t.Fatalf("the files of changes are %v, %v", files, err)
			}
			if err := os.Rename(files[0], filepath.Join(filepath.Dir(files[0]), file)); err != nil {
				t.Fatal(err)
			}
			s.change(t, "b", 89)
			if got := s.changed(t); !slices.Equal(got, []string{"a", "b"}) {
				t.Errorf("after 89 days the changes of %v are kept, want those of a and b", got)
			}
			s.change(t, "c", 100)
			s.change(t, "d", 181)
			if got := s.changed(t); !slices.Equal(got, []string{"c", "d"}) {
				t.Errorf("after 181 days the changes of %v are kept, want those of c and d", got)
			}
		})
	}
}

// change loads a conversation in a run that many days after noon.
func (s *lake) change(t *testing.T, id string, days int) {
	t.Helper()
	l := s.Open(t, nil)
	if err := l.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	at := warehouse.TimestampOf(loadtest.Noon.AddDate(0, 0, days))
	w, err := l.Begin(t.Context(), load.Owner{RunID: "run-" + id, Started: at})
	if err != nil {
		t.Fatal(err)
	}
	row := loadtest.Conversation("p", id, loadtest.Noon)
	if err := w.Stage(t.Context(), &load.Batch{Feed: feed, Rows: []*warehouse.Rows{row}}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Publish(t.Context(), &load.Window{Feed: feed, At: at}); err != nil {
		t.Fatal(err)
	}
	run := &warehouse.SyncRun{RunID: "run-" + id, StartedAt: at, FinishedAt: warehouse.Some(at), SourceAt: warehouse.Some(at)}
	if err := errors.Join(w.Finish(t.Context(), run), w.Close()); err != nil {
		t.Fatal(err)
	}
}

// changed returns the conversations of the stored changes.
func (s *lake) changed(t *testing.T) (ids []string) {
	t.Helper()
	for _, c := range s.Dump(t).Changes {
		ids = append(ids, c.ConversationID)
	}
	return ids
}

// A lake with years of runs, one every five minutes, before this version.
func TestRuns(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	s.change(t, "a", 0)
	var text []byte
	const days, each = 500, 25
	for i := range days * each {
		at := loadtest.Noon.AddDate(0, 0, i/each-days).Add(time.Duration(i%each) * time.Minute).UnixMicro()
		text = fmt.Appendf(text, `{"run_id":"old-%d","kind":"incremental","status":"succeeded","started_at":%d,"finished_at":%d}`+"\n", i, at, at)
	}
	if err := os.WriteFile(filepath.Join(s.path, "_sync/runs.jsonl"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	s.change(t, "b", 1)
	runs := s.Dump(t).Runs // and compares them with the copy
	const thinned = (days*each - load.FullRuns) / each
	if len(runs) != load.FullRuns+thinned+1 || runs[0].RunID != "old-24" || runs[1].RunID != "old-49" {
		t.Errorf("%d runs are kept, want %d; the first are %s and %s", len(runs), load.FullRuns+thinned+1, runs[0].RunID, runs[1].RunID)
	}
	l := s.Open(t, nil)
	last, err := l.Runs(t.Context(), 2)
	if err != nil || len(last) != 2 || last[0].RunID != "run-b" || last[1].RunID != fmt.Sprint("old-", days*each-1) {
		t.Errorf("the last runs are %+v, %v", last, err)
	}
}

func TestCheckLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	l := s.Open(t, nil)
	if err := l.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(filepath.Dir(s.path)); err != nil || len(entries) != 0 {
		t.Errorf("before the first run: %v, %v", entries, err)
	}
	s.run(t)
	before := s.files(t)
	if err := l.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := s.files(t); len(after) != len(before) {
		t.Errorf("%d files before, %d after", len(before), len(after))
	}
}

func TestADamagedFileIsNotMergedAway(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(path string) error{
		"cut short": func(path string) error { return os.Truncate(path, 100) },
		"of another day": func(path string) error {
			return os.Rename(strings.Replace(path, "d14", "d15", 1), path)
		},
		"not Parquet":     func(path string) error { return os.WriteFile(path, []byte("something else"), 0o666) },
		"without content": func(path string) error { return os.Truncate(path, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newDailyLake(t)
			s.run(t, loadtest.Conversation("p", "c-1", loadtest.Noon), loadtest.Conversation("p", "c-2", loadtest.Noon.AddDate(0, 0, 1)))
			path := filepath.Join(s.path, "turns/project_id=p/started_month=2024-03/d14.parquet")
			if err := damage(path); err != nil {
				t.Fatal(err)
			}
			was, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			w, err := s.Open(t, nil).Begin(t.Context(), load.Owner{RunID: "run-2"})
			if err != nil {
				t.Fatal(err)
			}
			rows := []*warehouse.Rows{loadtest.Conversation("p", "c-3", loadtest.Noon)}
			if err := w.Stage(t.Context(), &load.Batch{Window: 1, Feed: feed, Rows: rows}); err != nil {
				t.Fatal(err)
			}
			_, err = w.Publish(t.Context(), &load.Window{ID: 1, Feed: feed})
			if err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("publishing says %v", err)
			}
			if is, err := os.ReadFile(path); err != nil || string(is) != string(was) {
				t.Errorf("the damaged file was replaced (%v)", err)
			}
			if left := s.Leftovers(t); len(left) != 0 {
				t.Errorf("left over: %v", left)
			}
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestACancelledPublishChangesNothing(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	s.run(t, loadtest.Conversation("p", "c-1", loadtest.Noon))
	w, err := s.Open(t, nil).Begin(t.Context(), load.Owner{RunID: "run-2"})
	if err != nil {
		t.Fatal(err)
	}
	before := s.files(t)
	rows := []*warehouse.Rows{loadtest.Conversation("p", "c-2", loadtest.Noon)}
	if err := w.Stage(t.Context(), &load.Batch{Window: 1, Feed: feed, Rows: rows}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Publish(ctx, &load.Window{ID: 1, Feed: feed}); !errors.Is(err, context.Canceled) {
		t.Errorf("publishing says %v", err)
	}
	after := s.files(t)
	if len(before) != len(after) {
		t.Errorf("%d files before, %d after", len(before), len(after))
	}
	for path, is := range after {
		if was := before[path]; was == nil || !os.SameFile(was, is) {
			t.Errorf("%s was written", path)
		}
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}
