package parquet_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/parquet"
	"convsync/internal/warehouse"
)

var raw = load.RecordingKind{Direction: "combined"}

// everything is the backlog of all that is left to do.
var everything = load.Backlog{
	Kinds: []load.RecordingKind{raw},
	Store: true,
	DueAt: 1 << 60,
	Limit: 100,
}

// checkedAt returns the result of a check, at a time.
func checkedAt(r *warehouse.Rows, at warehouse.Timestamp) load.RecordingResult {
	return load.RecordingResult{AudioReference: warehouse.AudioReference{
		ConversationID: r.Conversation.ConversationID,
		Direction:      raw.Direction,
		StartedAt:      r.Conversation.StartedAt,
		Availability:   warehouse.AudioAvailable,
		CheckedAt:      warehouse.Some(at),
		Codec:          "mulaw",
	}}
}

// storedAt returns the result of a check and a copy, at a time.
func storedAt(r *warehouse.Rows, at warehouse.Timestamp) load.RecordingResult {
	in := checkedAt(r, at)
	in.StoredURI, in.StoredAt = "p/made-up.wav", warehouse.Some(at)
	return in
}

func (s *lake) claim(t testing.TB, l load.Destination) load.RecordingClaim {
	t.Helper()
	claim, err := l.(*parquet.Lake).ClaimRecordings(t.Context(), load.Owner{RunID: "audio"}, "p")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := claim.Close(); err != nil {
			t.Error(err)
		}
	})
	return claim
}

func record(t testing.TB, claim load.RecordingClaim, results ...load.RecordingResult) {
	t.Helper()
	state := warehouse.RecordingState{ProjectID: "p", Compared: int64(results[0].CheckedAt.V)}
	if gone, err := claim.Record(t.Context(), results, &state); err != nil || len(gone) > 0 {
		t.Fatalf("Record: %v, %v", gone, err)
	}
}

// checked returns when the recordings were last checked, by conversation, as
// readers observe it.
func (s *lake) checked(t testing.TB) map[string]warehouse.Timestamp {
	t.Helper()
	found := map[string]warehouse.Timestamp{}
	err := s.Open(t, nil).(*parquet.Lake).Recordings(t.Context(), feed, never, ever, func(r *load.RecordedConversation) error {
		if len(r.Recordings) != 1 {
			t.Errorf("%s has %d recordings", r.ConversationID, len(r.Recordings))
		}
		found[r.ConversationID] = r.Recordings[0].CheckedAt.V
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return found
}

// merged checks that no results are pending, and that the tables have these.
func (s *lake) merged(t testing.TB, want map[string]warehouse.Timestamp) {
	t.Helper()
	if left := s.glob(t, "_sync/recordings/*/*"); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	got := map[string]warehouse.Timestamp{}
	for key, rows := range s.Dump(t).Conversations {
		got[key[1]] = rows.Audio[0].CheckedAt.V
	}
	if !maps.Equal(got, want) {
		t.Errorf("checked at %v, want %v", got, want)
	}
	s.isSound(t, s.Open(t, nil))
}

// A process that is killed at any step of recording, or of the run that merges the
// results, loses none that was recorded, and doubles none.
func TestRecordings_Killed(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	a, b := loadtest.Conversation("p", "a", loadtest.Noon), loadtest.Conversation("p", "b", loadtest.Noon.AddDate(0, 0, 1))
	s.run(t, a, b)
	type cut struct {
		step string
		lake *lake
		want map[string]warehouse.Timestamp
	}
	var cuts []cut
	known := map[string]warehouse.Timestamp{"a": 0, "b": 0}
	steps := 0
	step := func(name string) {
		if steps++; loadtest.Raced && steps%5 != 0 {
			return
		}
		c := cut{name, newLake(t), maps.Clone(known)}
		if err := os.CopyFS(c.lake.path, os.DirFS(s.path)); err != nil {
			t.Fatal(err)
		}
		cuts = append(cuts, c)
	}
	l := s.Open(t, step)
	claim := s.claim(t, l)
	recorded := func(at warehouse.Timestamp) {
		record(t, claim, checkedAt(a, at), checkedAt(b, at))
		known["a"], known["b"] = at, at
	}
	recorded(1)
	recorded(2)
	w, err := s.Open(t, func(name string) {
		step(name)
		if name == "merge recordings" && known["a"] == 2 { // while the others are merged
			recorded(3)
		}
	}).Begin(t.Context(), load.Owner{RunID: "run", Started: 1}, "p")
	if err != nil {
		t.Fatal(err)
	}
	err = w.Finish(t.Context(), &warehouse.SyncRun{RunID: "run", StartedAt: 1})
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	step("end")
	if steps < 20 || known["a"] != 3 {
		t.Errorf("%d steps, recorded %v", steps, known)
	}
	for i, c := range cuts {
		t.Run(fmt.Sprint(i, " ", c.step), func(t *testing.T) {
			got := c.lake.checked(t)
			for id, at := range c.want {
				if got[id] < at || got[id] > at+1 { // the step may be the last one of the next result
					t.Errorf("%s was checked at %d, want %d", id, got[id], at)
				}
			}
			s.claim(t, c.lake.Open(t, nil)) // removes what is incomplete
			c.lake.run(t)
			c.lake.merged(t, got)
		})
	}
}

// Results of days that cannot be read remain pending, and do not keep a run from
// ending. Files that cannot be read move to the quarantine.
func TestRecordings_Damaged(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	a, b := loadtest.Conversation("p", "a", loadtest.Noon), loadtest.Conversation("p", "b", loadtest.Noon.AddDate(0, 0, 1))
	s.run(t, a, b)
	claim := s.claim(t, s.Open(t, nil))
	record(t, claim, checkedAt(a, 1), checkedAt(b, 1))
	record(t, claim, checkedAt(a, 2), checkedAt(b, 2))
	files := s.glob(t, "_sync/recordings/*/*")
	if err := os.WriteFile(filepath.Join(s.path, "_sync", files[1]), []byte("{}\n{\"conv"), 0o600); err != nil {
		t.Fatal(err)
	}
	day := filepath.Join(s.path, "audio_references/project_id=p/started_month=2024-03/d01-31.parquet")
	sound, err := os.ReadFile(day)
	if err == nil {
		err = os.WriteFile(day, bytes.Repeat([]byte("x"), len(sound)), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.run(t)
	if left := s.glob(t, "_sync/recordings/*/*"); len(left) != 1 || len(s.glob(t, "_sync/quarantine/run/_sync/recordings/*/*")) != 1 {
		t.Errorf("left: %v", left)
	}
	if err := os.WriteFile(day, sound, 0o600); err != nil {
		t.Fatal(err)
	}
	s.run(t)
	s.merged(t, map[string]warehouse.Timestamp{"a": 1, "b": 1})
}

// An error of a file operation is returned, and the results can be recorded again.
func TestRecordings_Errors(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	a := loadtest.Conversation("p", "a", loadtest.Noon)
	s.run(t, a)
	for n := 1; ; n++ {
		operations, failed := 0, ""
		l := s.OpenFailing(t, func(_, path string) error {
			if operations++; operations == n && strings.Contains(path, "/recordings") {
				failed = path
				return syscall.ENOSPC
			}
			return nil
		})
		claim, err := l.(*parquet.Lake).ClaimRecordings(t.Context(), load.Owner{}, "p")
		if err == nil {
			_, err = claim.Record(t.Context(), []load.RecordingResult{checkedAt(a, warehouse.Timestamp(n))}, nil)
			err = errors.Join(err, claim.Close())
		}
		if failed != "" && (!errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), failed)) {
			t.Errorf("%s: %v", failed, err)
		}
		if n > operations {
			s.run(t)
			s.merged(t, map[string]warehouse.Timestamp{"a": warehouse.Timestamp(n)})
			return
		}
	}
}

// If nothing is due, no file of a day is opened; otherwise only those of the days
// with something due.
func TestBacklog_Opens(t *testing.T) {
	t.Parallel()
	const days = 9
	s := years(t, days)
	due := func(b load.Backlog) (ids, opened []string) {
		l := s.open(t, parquet.Options{}).(*parquet.Lake)
		parquet.OnOpen(l, func(path string) {
			if strings.Contains(path, "started_month=") {
				opened = append(opened, path)
			}
		})
		list, err := l.Backlog(t.Context(), "p", b)
		if err != nil {
			t.Error(err)
		}
		for _, r := range list {
			ids = append(ids, r.ConversationID)
		}
		if counts, err := l.RecordingCounts(t.Context(), map[string][]load.RecordingKind{"p": nil}); err != nil || counts["p"].Unknown+counts["p"].Stored != days {
			t.Errorf("counts: %+v, %v", counts, err)
		}
		return ids, opened
	}
	b := everything
	b.Limit = 1
	if ids, opened := due(b); !slices.Equal(ids, []string{"c-0"}) || len(opened) != 2 {
		t.Errorf("due: %v, opened: %v", ids, opened)
	}
	var results []load.RecordingResult
	for i := range days {
		if i != 7 {
			results = append(results, storedAt(loadtest.Conversation("p", fmt.Sprint("c-", i), loadtest.Noon.AddDate(0, 0, -i)), 1))
		}
	}
	record(t, s.claim(t, s.Open(t, nil)), results...)
	s.run(t)
	if ids, opened := due(everything); !slices.Equal(ids, []string{"c-7"}) || len(opened) != 2 {
		t.Errorf("due: %v, opened: %v", ids, opened)
	}
	b.Kinds = []load.RecordingKind{{Direction: "user"}}
	if ids, opened := due(b); len(ids)+len(opened) > 0 {
		t.Errorf("of another kind: due: %v, opened: %v", ids, opened)
	}
}

// Files of an older layout lack columns, which reads as NULL or 0.
func TestRecordings_OldLayout(t *testing.T) {
	t.Parallel()
	s := oldLake(t, 1)
	s.migrate(t, nil)
	l := s.Open(t, nil).(*parquet.Lake)
	due, err := l.Backlog(t.Context(), "p", everything)
	if err != nil || len(due) != 2 || due[0].ConversationID != "hidden" || due[1].ConversationID != "c-1" { // one is open
		t.Fatalf("due: %+v, %v", due, err)
	}
	if a := due[1].Recordings[0]; a.Checks != 0 || a.NextCheckAt.Valid || a.Availability != warehouse.AudioUnknown || a.URL == "" {
		t.Errorf("read: %+v", a)
	}
	for range 2 {
		if counts, err := l.RecordingCounts(t.Context(), map[string][]load.RecordingKind{"p": nil}); err != nil || counts["p"].Unknown != 3 {
			t.Errorf("counts: %+v, %v", counts, err)
		}
	}
	s.isSound(t, l)
	record(t, s.claim(t, l), checkedAt(loadtest.Conversation("p", "c-1", loadtest.Noon), 1))
	s.run(t)
	if left, got := s.glob(t, "_sync/recordings/*/*"), s.checked(t); len(left) > 0 || !maps.Equal(got, map[string]warehouse.Timestamp{"c-1": 1, "hidden": 0, "open": 0}) {
		t.Errorf("checked at %v, left: %v", got, left)
	}
	s.isSound(t, l)
}

// A claim merges many results itself if no run writes the project.
func TestRecordings_WithoutRuns(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	a := loadtest.Conversation("p", "a", loadtest.Noon)
	s.run(t, a)
	l := s.Open(t, nil).(*parquet.Lake)
	parquet.FoldAt(l, 2)
	claim := s.claim(t, l)
	w, err := s.Open(t, nil).Begin(t.Context(), load.Owner{RunID: "writes", Started: 2}, "p")
	if err != nil {
		t.Fatal(err)
	}
	record(t, claim, checkedAt(a, 1))
	record(t, claim, checkedAt(a, 2)) // the run has the lock
	if left := s.glob(t, "_sync/recordings/*/*"); len(left) != 2 {
		t.Errorf("left: %v", left)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	record(t, claim, checkedAt(a, 3))
	record(t, claim, checkedAt(a, 4))
	if left := s.glob(t, "_sync/recordings/*/*"); len(left)+len(s.writers(t)) > 0 || s.checked(t)["a"] != 4 {
		t.Errorf("left: %v", left)
	}
	if due, err := l.RecordingState(t.Context(), "p"); err != nil || due.Compared != 4 {
		t.Errorf("state: %+v, %v", due, err)
	}
	record(t, claim, checkedAt(a, 5))
	s.run(t)
	s.merged(t, map[string]warehouse.Timestamp{"a": 5})
	var runs []string
	for _, r := range s.Dump(t).Runs {
		runs = append(runs, r.RunID)
	}
	if !slices.Equal(runs, []string{"run", "writes", "run"}) {
		t.Errorf("runs: %v", runs)
	}
}

// A backup has the results that are not in the tables yet.
func TestRecordings_Backup(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	a := loadtest.Conversation("p", "a", loadtest.Noon)
	s.run(t, a)
	l := s.Open(t, nil).(*parquet.Lake)
	record(t, s.claim(t, l), checkedAt(a, 1))
	b := newLake(t)
	if _, err := l.Backup(t.Context(), b.path); err != nil {
		t.Fatal(err)
	}
	s.run(t)
	b.run(t)
	b.merged(t, map[string]warehouse.Timestamp{"a": 1})
}

// A claim whose lock file was removed is lost.
func TestClaimRecordings_Lost(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	a := loadtest.Conversation("p", "a", loadtest.Noon)
	s.run(t, a)
	claim := s.claim(t, s.Open(t, nil))
	if err := os.Remove(filepath.Join(s.path, "_sync/locks/recordings-project_id=p")); err != nil {
		t.Fatal(err)
	}
	other := s.claim(t, s.Open(t, nil))
	if _, err := claim.Record(t.Context(), []load.RecordingResult{checkedAt(a, 1)}, nil); !errors.Is(err, load.ErrLockLost) {
		t.Errorf("recorded: %v", err)
	}
	if err := <-claim.Lost(); !errors.Is(err, load.ErrLockLost) {
		t.Error(err)
	}
	record(t, other, checkedAt(a, 2))
}
