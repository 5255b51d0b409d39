package parquet_test

import (
	"slices"
	"testing"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/warehouse"
)

// key returns the key of a conversation.
func key(r *warehouse.Rows) load.Key {
	return load.Key{ID: r.Conversation.ConversationID, StartedAt: r.Conversation.StartedAt}
}

func (s *lake) summary(t testing.TB) load.FeedSummary {
	t.Helper()
	sums, err := s.Open(t, nil).Summary(t.Context(), []load.Feed{feed})
	if err != nil {
		t.Fatal(err)
	}
	return sums[feed]
}

// operations returns the entries of a conversation in the feed of changes, in
// order.
func (s *lake) operations(t testing.TB, id string) (operations []string) {
	t.Helper()
	for _, c := range s.Dump(t).Changes {
		if c.ConversationID == id {
			operations = append(operations, c.Operation)
		}
	}
	return operations
}

func TestMissing_MarkedUntilListed(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	gone, stays := loadtest.Conversation("p", "gone", loadtest.Noon, loadtest.Open()), loadtest.Conversation("p", "stays", loadtest.Noon)
	other := loadtest.Conversation("p", "sandbox", loadtest.Noon, loadtest.In(loadtest.Sandbox))
	s.run(t, gone, stays, other)
	moved := load.Key{ID: "stays", StartedAt: key(stays).StartedAt + 1}
	missing := []load.Key{key(gone), moved, key(other), {ID: "never was", StartedAt: key(gone).StartedAt}}
	if counts := s.runWindow(t, load.Window{At: 7, Missing: missing}, 0); counts.Missing != 1 || counts.Updated != 0 {
		t.Errorf("counted as missing: %+v", counts)
	}
	before := s.files(t)
	if counts := s.runWindow(t, load.Window{At: 8, Missing: missing}, 0); counts.Missing != 0 {
		t.Errorf("counted as missing once more: %+v", counts)
	}
	d := s.Dump(t)
	for id, since := range map[string]warehouse.Timestamp{"gone": 7, "stays": 0, "sandbox": 0} {
		if got := d.Conversations[[2]string{"p", id}].Conversation.MissingSince; got.V != since || got.Valid != (since != 0) {
			t.Errorf("%s is missing since %v, want %d", id, got, since)
		}
	}
	if len(d.Open) != 0 {
		t.Errorf("in the open-conversation queue is %+v", d.Open)
	}
	day := "conversations/project_id=p/started_month=2024-03/d01-31.parquet"
	if s.files(t)[day].ModTime() != before[day].ModTime() {
		t.Error("a day without newly missing conversations was written again")
	}
	if sum := s.summary(t); sum.Missing != 1 || sum.Conversations != 2 {
		t.Errorf("the summary is %+v", sum)
	}
	if counts := s.run(t, gone); counts.Updated != 1 {
		t.Errorf("answered again: %+v", counts)
	}
	if sum := s.summary(t); sum.Missing != 0 {
		t.Errorf("the summary of what is listed again is %+v", sum)
	}
	if open := s.Dump(t).Open; len(open) != 1 || open[0].ConversationID != "gone" {
		t.Errorf("in the open-conversation queue is %+v", open)
	}
	if got, want := s.operations(t, "gone"), []string{"upsert", "upsert", "upsert"}; !slices.Equal(got, want) {
		t.Errorf("changes %q, want %q", got, want)
	}
}

func TestMissing_Deleted(t *testing.T) {
	t.Parallel()
	s := newDailyLake(t)
	next := loadtest.Noon.AddDate(0, 0, 1)
	marked, gone, alone := loadtest.Conversation("p", "marked", loadtest.Noon), loadtest.Conversation("p", "gone", loadtest.Noon, loadtest.Open()), loadtest.Conversation("p", "alone", next)
	s.run(t, marked, gone, alone, loadtest.Conversation("p", "stays", loadtest.Noon))
	s.runWindow(t, load.Window{At: 6, Missing: []load.Key{key(marked)}}, 0)
	missing := []load.Key{key(marked), key(gone), key(alone)}
	if counts := s.runWindow(t, load.Window{At: 7, Missing: missing, DeleteMissing: true}, 0); counts.Missing != 3 {
		t.Errorf("counted as missing: %+v", counts)
	}
	d := s.Dump(t) // which reports parts without their conversation
	if len(d.Conversations) != 1 || len(d.Open) != 0 {
		t.Errorf("%d conversations stay, open are %+v", len(d.Conversations), d.Open)
	}
	for path := range s.files(t) {
		if slices.Contains([]string{"turns/project_id=p/started_month=2024-03/d15.parquet", "conversations/project_id=p/started_month=2024-03/d15.parquet"}, path) {
			t.Errorf("%s stays", path)
		}
	}
	if got, want := s.operations(t, "alone"), []string{"upsert", "delete"}; !slices.Equal(got, want) {
		t.Errorf("changes %q, want %q", got, want)
	}
	if sum := s.summary(t); sum.Missing != 0 || sum.Conversations != 1 {
		t.Errorf("the summary is %+v", sum)
	}
	if counts := s.run(t, alone); counts.Inserted != 1 {
		t.Errorf("listed again: %+v", counts)
	}
}

func TestMissing_NotStaged(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	same, changed := loadtest.Conversation("p", "same", loadtest.Noon), loadtest.Conversation("p", "changed", loadtest.Noon)
	s.run(t, same, changed)
	changed = loadtest.Conversation("p", "changed", loadtest.Noon, loadtest.Note("was read"))
	st := load.Window{At: 7, Missing: []load.Key{key(same), key(changed)}, DeleteMissing: true}
	if counts := s.runWindow(t, st, 0, same, changed); counts.Missing != 0 || counts.Updated != 1 || counts.Unchanged != 1 {
		t.Errorf("counts are %+v", counts)
	}
	if n := len(s.Dump(t).Conversations); n != 2 {
		t.Errorf("%d conversations are stored", n)
	}
}

func TestRejectsThatCouldBeReadAreResolved(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	reject := func(environment, id string) warehouse.Reject {
		return warehouse.Reject{
			ProjectID:   "p",
			Environment: environment,
			RejectID:    id,
			Reason:      "no start",
			FirstSeenAt: 1,
			LastSeenAt:  1,
			RunID:       "run",
		}
	}
	s.runWindow(t, load.Window{At: 5, Rejects: []warehouse.Reject{
		reject(loadtest.Live, "resolved"), reject(loadtest.Live, "stays"), reject(loadtest.Sandbox, "resolved"),
	}}, 0)
	s.runWindow(t, load.Window{At: 6, Resolved: []string{"resolved", "never was"}}, 0, loadtest.Conversation("p", "c-1", loadtest.Noon))
	left := s.Dump(t).Rejects
	if len(left) != 2 || left[0].RejectID != "stays" || left[1].Environment != loadtest.Sandbox {
		t.Errorf("rejects are %+v", left)
	}
	var reported []string
	err := s.Open(t, nil).Rejects(t.Context(), feed, func(r *warehouse.Reject) error {
		reported = append(reported, r.RejectID)
		return nil
	})
	if err != nil || !slices.Equal(reported, []string{"stays"}) {
		t.Errorf("reported are %q (%v)", reported, err)
	}
}

func TestVisibleAgain_Counted(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	shown := loadtest.Conversation("p", "kept", loadtest.Noon)
	never := loadtest.Conversation("p", "never shown", loadtest.Noon.AddDate(0, 0, 1), loadtest.Hidden(warehouse.Some(int64(3))))
	s.run(t, shown, never)
	hidden := loadtest.Conversation("p", "kept", loadtest.Noon, loadtest.Hidden(warehouse.Some(int64(3))), loadtest.Note("hidden"))
	if counts := s.run(t, hidden); counts.VisibleAgain.Any() || counts.Updated != 1 {
		t.Errorf("hidden: %+v", counts)
	}
	days, err := s.Open(t, nil).HiddenDays(t.Context(), feed, load.Parts{Transcripts: true})
	want := []warehouse.Timestamp{1_710_374_400_000_000, 1_710_460_800_000_000} // 14 and 15 March 2024
	if err != nil || !slices.Equal(days, want) {
		t.Errorf("hidden days are %v (%v), want %v", days, err, want)
	}
	short := loadtest.Conversation("p", "never shown", loadtest.Noon.AddDate(0, 0, 1), loadtest.Turns(2))
	if counts := s.run(t, shown, short); counts.VisibleAgain.Transcripts != 2 {
		t.Errorf("visible again: %+v", counts)
	}
	if days, err := s.Open(t, nil).HiddenDays(t.Context(), feed, load.Parts{Transcripts: true}); err != nil || len(days) != 0 {
		t.Errorf("hidden days are %v (%v), want none", days, err)
	}
}

func TestLatenessAddsUp(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	start := warehouse.TimestampOf(loadtest.Noon)
	open := loadtest.Conversation("p", "open", loadtest.Noon, loadtest.Open())
	history := loadtest.Conversation("p", "history", loadtest.Noon.AddDate(0, 0, -1))
	s.runWindow(t, load.Window{At: start + 4e6}, start, open, history)
	ended := loadtest.Conversation("p", "open", loadtest.Noon)
	s.runWindow(t, load.Window{At: start + 50e6}, start, ended, loadtest.Conversation("p", "late", loadtest.Noon))
	counts := s.runWindow(t, load.Window{At: start + 3600e6}, start, loadtest.Conversation("p", "open", loadtest.Noon, loadtest.Note("was read")))
	if len(counts.Lateness) != 1 {
		t.Errorf("counted in the last run: %v", counts.Lateness)
	}
	row := func(measure string, upper, n int64) warehouse.Lateness {
		return warehouse.Lateness{
			ProjectID:    "p",
			Environment:  loadtest.Live,
			Measure:      measure,
			UpperSeconds: upper,
			Count:        n,
		}
	}
	want := []warehouse.Lateness{row("arrival", 5, 1), row("arrival", 60, 1), row("change", 3600, 1), row("final", 60, 2)}
	if got := s.summary(t).Lateness; !slices.Equal(got, want) {
		t.Errorf("the summary is %+v, want %+v", got, want)
	}
	if got := readTable(t, s, &warehouse.SyncLateness); !slices.Equal(got, want) {
		t.Errorf("in Parquet is %+v, want %+v", got, want)
	}
}
