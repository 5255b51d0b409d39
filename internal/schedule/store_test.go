package schedule_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"convsync/internal/schedule"
)

func TestFileStore_Last(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "schedule.json")
	at := time.Date(2026, 3, 29, 2, 0, 0, 0, zone(t, "Europe/London"))
	store := openStore(t, path)
	for i := range 3 {
		note(t, store, "nightly", at.AddDate(0, 0, i))
		note(t, store, "hourly", at.Add(time.Duration(i)*time.Hour))
	}
	for range 2 { // at first hand, and from the file
		for name, want := range map[string]time.Time{"nightly": at.AddDate(0, 0, 2), "hourly": at.Add(2 * time.Hour), "new": {}} {
			if got, err := store.Last(t.Context(), name); err != nil || !got.Equal(want) {
				t.Errorf("%s: %v, %v; not %v", name, got, err, want)
			}
		}
		store = openStore(t, path)
	}
	if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 1 {
		t.Errorf("left next to the file: %v, %v", files, err)
	}
}

func TestEntriesNoteAtOnceAndNoneIsLost(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "schedule.json")
	store := openStore(t, path)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() { note(t, store, fmt.Sprint(i), at) })
	}
	all.Wait()
	store = openStore(t, path)
	for i := range 10 {
		if got, _ := store.Last(t.Context(), fmt.Sprint(i)); !got.Equal(at) {
			t.Errorf("entry %d was noted as %v", i, got)
		}
	}
}

func TestFileStore_Damaged(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "{", "null", `{"nightly": "yesterday"}`, `[]`} {
		path := filepath.Join(t.TempDir(), "schedule.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := schedule.OpenFileStore(path); err == nil || !strings.Contains(err.Error(), "remove it") {
			t.Errorf("%q says %v", text, err)
		}
	}
}

func TestWhatCannotBeWrittenIsAnErrorAndNotRemembered(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "folder")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	store := openStore(t, filepath.Join(folder, "schedule.json"))
	if err := os.Remove(folder); err != nil {
		t.Fatal(err)
	}
	if err := store.Note(t.Context(), "nightly", time.Now()); err == nil {
		t.Error("nothing is said")
	}
	if got, _ := store.Last(t.Context(), "nightly"); !got.IsZero() {
		t.Errorf("it remembers %v", got)
	}
}

func openStore(t testing.TB, path string) *schedule.FileStore {
	t.Helper()
	store, err := schedule.OpenFileStore(path)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func note(t testing.TB, store schedule.Store, name string, slot time.Time) {
	t.Helper()
	if err := store.Note(t.Context(), name, slot); err != nil {
		t.Error(err)
	}
}
