package recordings

import (
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"convsync/internal/load"
	"convsync/internal/load/memory"
	"convsync/internal/recordings/store"
	"convsync/internal/warehouse"
)

// TestVerify_Claimed has another process that works on the recordings.
func TestVerify_Claimed(t *testing.T) {
	t.Parallel()
	w := storedWorld(t, combined)
	flip(t, w.path(w.voice[0], combined))
	for name, claim := range map[string]func() interface{ Close() error }{
		"Destination": func() interface{ Close() error } {
			claim, err := w.memory.ClaimRecordings(t.Context(), load.Owner{RunID: "other"}, projectID)
			must(t, err)
			return claim
		},
		"Store": func() interface{ Close() error } {
			s, err := store.Open(store.Options{Path: w.folder})
			must(t, err)
			folder, err := s.Claim(projectID)
			must(t, err)
			return folder
		},
	} {
		claimed := claim()
		w.wantFaults(w.verify(), map[string]int64{AlteredRecording: 1})
		if v, err := Repair(t.Context(), w.verifying()); !IsClaimed(err) {
			t.Errorf("%s: repair: %+v, %v", name, v, err)
		}
		extra := w.path(w.voice[1], combined) + ".part"
		must(t, os.WriteFile(extra, nil, 0o600)) // it may be stored by the other process at the moment
		if v := w.verify(); v.Unverified == "" || v.ForeignVerified || v.Faults[ForeignRecording] != 0 {
			t.Errorf("%s: %+v", name, v)
		}
		must(t, os.Remove(extra))
		must(t, claimed.Close())
	}
	w.wantFaults(w.verify(), map[string]int64{AlteredRecording: 1}) // nothing was repaired
}

// TestVerify_Removed has the copy of a deleted conversation, which the next run
// removes, and an altered one in the quarantine.
func TestVerify_Removed(t *testing.T) {
	t.Parallel()
	w := storedWorld(t, combined)
	id := w.voice[0]
	path := w.path(id, combined)
	flip(t, path)
	w.repair()
	w.run()
	w.delete(id)
	w.wantFaults(w.verify(), map[string]int64{})
	w.wantFaults(w.repair(), map[string]int64{})
	if left, _ := filepath.Glob(filepath.Join(w.folder, ".convsync/quarantine/*/*")); len(left) > 0 {
		t.Errorf("left of the deleted conversation: %v", left)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the copy is still there")
	}
}

// TestRepair_Interrupted fails at each change of a repair, and repairs again.
func TestRepair_Interrupted(t *testing.T) {
	t.Parallel()
	w := storedWorld(t, combined)
	for failing, failed := 1, true; failed; failing++ {
		flip(t, w.path(w.voice[0], combined))
		must(t, os.Remove(w.path(w.voice[1], combined)))
		must(t, os.WriteFile(w.path(w.voice[2], combined)+".bak", nil, 0o600))
		done := 0
		failed = false
		w.step = func(operation, _ string) error {
			if operation != "rename" && operation != "sync" {
				return nil
			}
			if done++; done != failing {
				return nil
			}
			failed = true
			return syscall.EIO
		}
		_, err := Repair(t.Context(), w.verifying())
		if (err != nil) != failed {
			t.Fatalf("change %d: %v", failing, err)
		}
		w.step = nil
		w.repair()
		w.wantFaults(w.verify(), map[string]int64{})
		w.run()
		for _, id := range w.voice {
			w.checkStored(id, combined)
		}
		if !failed && failing < 4 {
			t.Errorf("only %d changes", failing-1)
		}
	}
}

// TestInPages reads conversations in pages of different sizes. Two have the same start.
func TestInPages(t *testing.T) {
	t.Parallel()
	w := storedWorld(t, combined)
	w.memory.Edit(func(d *memory.Data) {
		newest := d.Conversations[memory.ID{projectID, w.voice[0]}]
		d.Conversations[memory.ID{projectID, w.voice[1]}].Conversation.StartedAt = newest.Conversation.StartedAt
	})
	want := slices.Sorted(slices.Values(w.voice))
	feed := load.Feed{ProjectID: projectID, Environment: "live"}
	for size := 1; size <= len(want)+1; size++ {
		var page, all []string
		pages := 0
		err := inPages(t.Context(), w.memory, feed, 0, warehouse.TimestampOf(w.now()), func(c *load.RecordedConversation) (bool, error) {
			page = append(page, c.ConversationID)
			return len(page) >= size, nil
		}, func() error {
			all, page, pages = append(all, page...), nil, pages+1
			return nil
		})
		if slices.Sort(all); !slices.Equal(all, want) || pages < (len(want)-1)/size || err != nil {
			t.Errorf("pages of %d: %d pages, %v, want %v; %v", size, pages, all, want, err)
		}
	}
}
