package recordings

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/load/memory"
	"convsync/internal/polyai"
	"convsync/internal/recordings/store"
	"convsync/internal/simulate"
	"convsync/internal/warehouse"
)

func TestRun_Store(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 30, simulate.Audio{Codec: simulate.AudioMixed}, storing(combined))
	w.memory.Edit(noProbe)
	r := w.run()
	n := int64(len(w.voice))
	if total := r.Total(); total.Stored != n || total.StoredBytes != 2000*n || total.Bytes != 2000*n || total.Requests != n {
		t.Errorf("counts %+v of %d recordings", total, n)
	}
	for _, id := range w.voice {
		w.checkStored(id, combined)
	}
	if files := w.files(); len(files) != len(w.voice) {
		t.Errorf("%d files of %d recordings: %v", len(files), len(w.voice), files)
	}
	if s := w.state(); s.LastRunID != "made-up-run" || !s.LastRunAt.Valid {
		t.Errorf("state %+v", s)
	}
	requests := w.sim.AudioRequests()
	w.advance(100 * time.Hour)
	if r := w.run(); w.sim.AudioRequests() != requests || r.Total() != (Counts{}) {
		t.Errorf("without due recordings: %+v", r.Total())
	}
}

// TestRun_Forms has sources that say less about their recordings.
func TestRun_Forms(t *testing.T) {
	t.Parallel()
	for name, audio := range map[string]simulate.Audio{
		"NoLength":   {NoLength: true},
		"Streamed":   {Streamed: true, Codec: simulate.AudioMulaw},
		"List":       {List: true, Codec: simulate.AudioExtensible},
		"AllUnknown": {NoLength: true, Streamed: true, NoRange: true, NoHead: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, mode := range []Mode{Check, Store} {
				w := newWorld(t, 3, audio, Policy{Mode: mode, Kinds: []load.RecordingKind{combined}})
				w.run()
				truth, _ := w.sim.Recording(projectID, w.voice[0], "combined", true, w.now())
				if a := w.row(w.voice[0], combined); a.Availability != warehouse.AudioAvailable || a.DurationSeconds.V != truth.Seconds {
					t.Errorf("%s: row %+v, the source has %+v", mode, a, truth)
				}
				if mode == Store {
					w.checkStored(w.voice[0], combined)
				}
			}
		})
	}
}

// TestRun_Redaction stores both versions, with a key that may read raw recordings and
// with one that gets redacted ones instead.
func TestRun_Redaction(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		audio         simulate.Audio
		raw, redacted warehouse.Text
		access        warehouse.Text
		files         int // of each conversation
	}{
		"Access":   {simulate.Audio{}, warehouse.EvidenceVerified, warehouse.EvidenceVerified, warehouse.PIIAccessYes, 2},
		"NoAccess": {simulate.Audio{NoPIIAccess: true}, warehouse.EvidenceIdentical, warehouse.EvidenceRequested, warehouse.PIIAccessNoneSeen, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 16, c.audio, storing(combinedRaw, combined))
			w.run()
			for _, id := range w.voice {
				w.checkStored(id, combined)
				w.checkStored(id, combinedRaw)
				raw, redacted := w.row(id, combinedRaw), w.row(id, combined)
				if raw.RedactionEvidence != c.raw || redacted.RedactionEvidence != c.redacted || (raw.StoredURI == redacted.StoredURI) != (c.files == 1) {
					t.Errorf("raw %+v, redacted %+v", raw, redacted)
				}
			}
			if files := w.files(); len(files) != c.files*len(w.voice) {
				t.Errorf("%d files of %d conversations", len(files), len(w.voice))
			}
			if s := w.state(); s.PIIAccess != c.access || s.Compared != int64(len(w.voice)) {
				t.Errorf("state %+v", s)
			}
		})
	}
}

// TestRun_OtherVersionLater stores the raw version of recordings whose redacted
// version is stored already.
func TestRun_OtherVersionLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 6, simulate.Audio{}, storing(combined))
	w.memory.Edit(noProbe)
	w.run()
	w.options.Projects[0].Policy = storing(combined, combinedRaw)
	if r := w.run(); r.Total().Enlisted != int64(len(w.voice)) {
		t.Errorf("counts %+v", r.Total())
	}
	for _, id := range w.voice {
		w.checkStored(id, combinedRaw)
		if a := w.row(id, combined); a.RedactionEvidence != warehouse.EvidenceVerified || !a.StoredAt.Valid {
			t.Errorf("redacted %+v", a)
		}
	}
}

// TestRun_Probe determines once whether the key may read raw recordings.
func TestRun_Probe(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		audio    simulate.Audio
		mode     Mode
		access   warehouse.Text
		compared int64
		requests int64 // more than one per recording
	}{
		"CheckAccess":   {simulate.Audio{}, Check, warehouse.PIIAccessYes, 1, 2},
		"CheckNoAccess": {simulate.Audio{NoPIIAccess: true}, Check, warehouse.PIIAccessNoneSeen, 5, 10},
		"StoreAccess":   {simulate.Audio{}, Store, warehouse.PIIAccessYes, 1, 1},
		"StoreNoAccess": {simulate.Audio{NoPIIAccess: true}, Store, warehouse.PIIAccessNoneSeen, 5, 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 16, c.audio, Policy{Mode: c.mode, Kinds: []load.RecordingKind{combined}})
			r := w.run()
			if s := w.state(); s.PIIAccess != c.access || s.Compared != c.compared || r.Projects[0].PIIAccess != string(c.access) {
				t.Errorf("state %+v, report %+v", s, r.Projects[0])
			}
			if got := w.sim.AudioRequests().Total(); got != int64(len(w.voice))+c.requests {
				t.Errorf("%d requests for %d recordings", got, len(w.voice))
			}
			for _, path := range w.files() {
				if strings.Contains(path, ".raw.") {
					t.Errorf("%s is stored", path)
				}
			}
		})
	}
}

// TestRun_Full has a full disk: nothing is stored or marked, recordings are checked,
// and the next run with space stores them.
func TestRun_Full(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{"create", "write", "sync", "rename"} {
		t.Run(operation, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 12, simulate.Audio{}, storing(combined))
			w.memory.Edit(noProbe)
			var isFull sync.Map
			isFull.Store(true, nil)
			w.step = func(op, path string) error {
				if _, full := isFull.Load(true); full && op == operation && strings.Contains(path, "made-up") {
					return syscall.ENOSPC
				}
				return nil
			}
			r, err := Run(t.Context(), w.options)
			var unavailable *store.UnavailableError
			if err != nil || !r.Incomplete() || !errors.As(r.StoreErr, &unavailable) || !errors.Is(r.StoreErr, syscall.ENOSPC) {
				t.Fatalf("%v, report %+v", err, r)
			}
			for _, id := range w.voice {
				if a := w.row(id, combined); a.Availability != warehouse.AudioAvailable || a.StoredAt.Valid || a.Checks != 0 || a.Reason != "" {
					t.Errorf("row %+v", a)
				}
			}
			isFull.Delete(true)
			w.run()
			for _, id := range w.voice {
				w.checkStored(id, combined)
			}
		})
	}
}

func TestRun_CannotOpen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 6, simulate.Audio{}, storing(combined))
	if err := os.WriteFile(w.folder, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := Run(t.Context(), w.options)
	if err != nil || r.StoreErr == nil || r.Total().Available != int64(len(w.voice)) {
		t.Errorf("%v, report %+v", err, r)
	}
}

// TestRun_Killed ends the run after a copy has its final name, and before that is
// recorded. The next run records it without a download.
func TestRun_Killed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 6, simulate.Audio{Bytes: 100_000}, storing(combined))
	w.memory.Edit(noProbe)
	w.options.Workers = 1
	w.options.Destination = deaf{w.memory}
	if r, err := Run(t.Context(), w.options); err != nil || r.Projects[0].Err == nil {
		t.Fatalf("%v, report %+v", err, r)
	}
	if n := len(w.files()); n != len(w.voice) {
		t.Fatalf("%d files of %d", n, len(w.voice))
	}
	before := w.sim.AudioRequests()
	w.options.Destination = w.memory
	r := w.run()
	if n := int64(len(w.voice)); r.Total().Adopted != n || r.Total().Requests != n || w.sim.AudioRequests().Whole != before.Whole {
		t.Errorf("counts %+v of %d", r.Total(), n)
	}
	for _, id := range w.voice {
		w.checkStored(id, combined)
	}
}

// deaf is a destination that loses all results, as if the process was killed.
type deaf struct{ *memory.Destination }

func (d deaf) ClaimRecordings(ctx context.Context, owner load.Owner, project string) (load.RecordingClaim, error) {
	claim, err := d.Destination.ClaimRecordings(ctx, owner, project)
	return deafClaim{claim}, err
}

type deafClaim struct{ load.RecordingClaim }

func (deafClaim) Record(context.Context, []load.RecordingResult, *warehouse.RecordingState) ([]load.RecordingKey, error) {
	return nil, errors.New("killed")
}

// TestRun_Altered has a file of another size under the name of a recording.
func TestRun_Altered(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 4, simulate.Audio{}, storing(combined))
	w.options.Destination = deaf{w.memory}
	if _, err := Run(t.Context(), w.options); err != nil {
		t.Fatal(err)
	}
	for _, path := range w.files() {
		if err := os.Truncate(filepath.Join(w.folder, path), 1000); err != nil {
			t.Fatal(err)
		}
	}
	w.options.Destination = w.memory
	if r := w.run(); r.Total().Adopted != 0 {
		t.Errorf("counts %+v", r.Total())
	}
	for _, id := range w.voice {
		w.checkStored(id, combined)
	}
}

// TestRun_OnlyCopy has copies whose recordings no longer exist at the source.
func TestRun_OnlyCopy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 4, simulate.Audio{}, storing(combined))
	w.options.Destination = deaf{w.memory}
	if _, err := Run(t.Context(), w.options); err != nil {
		t.Fatal(err)
	}
	w.options.Destination = w.memory
	w.options.Projects[0].Source = noRecordings{w.options.Projects[0].Source}
	w.run()
	if a := w.row(w.voice[0], combined); a.Availability != warehouse.AudioMissing || !a.StoredAt.Valid || a.NextCheckAt.Valid {
		t.Errorf("row %+v", a)
	}
}

// noRecordings is a source without recordings.
type noRecordings struct{ Source }

func (noRecordings) Probe(context.Context, polyai.Recording, polyai.ProbeMethod) (*polyai.AudioHead, error) {
	return nil, &polyai.APIError{Status: 404, Code: "CONVERSATIONS_RECORDING_NOT_FOUND"}
}

// TestRun_Removed removes the copies of conversations that were deleted, also if that
// happens between download and record.
func TestRun_Removed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 12, simulate.Audio{}, storing(combined, combinedRaw))
	w.run()
	w.delete(w.voice[0])
	if r := w.run(); r.Total().Removed != 2 || len(w.files()) != 2*len(w.voice)-2 {
		t.Errorf("counts %+v, %d files", r.Total(), len(w.files()))
	}
	if s := w.state(); s.RemovedUpTo != 1 {
		t.Errorf("state %+v", s)
	}
	for i, mode := range []Mode{Reference, Off} {
		w.options.Projects[0].Policy.Mode = mode
		w.delete(w.voice[i+1])
		if r := w.run(); r.Total().Removed != 2 || len(w.files()) != 2*len(w.voice)-4-2*i {
			t.Errorf("in mode %s: counts %+v, %d files", mode, r.Total(), len(w.files()))
		}
	}
	if r := w.run(); len(r.Projects) != 0 {
		t.Errorf("report %+v", r)
	}
}

func TestRun_GoneMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 12, simulate.Audio{}, storing(combined))
	w.memory.Edit(noProbe)
	w.step = func(operation, path string) error {
		if operation == "rename" && strings.HasSuffix(path, ".wav") {
			w.step = nil
			w.memory.Edit(func(d *memory.Data) {
				for _, id := range w.voice {
					delete(d.Conversations, memory.ID{projectID, id})
				}
			})
		}
		return nil
	}
	w.options.Workers = 1
	w.run()
	if files := w.files(); len(files) != 0 {
		t.Errorf("files %v", files)
	}
}

// TestRun_RemoveFails keeps what is to be removed until the store works again.
func TestRun_RemoveFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 6, simulate.Audio{}, storing(combined))
	w.run()
	w.delete(w.voice[0])
	w.step = func(operation, _ string) error {
		if operation == "remove" {
			return syscall.EROFS
		}
		return nil
	}
	if r, err := Run(t.Context(), w.options); err != nil || r.StoreErr == nil {
		t.Errorf("%v, report %+v", err, r)
	}
	w.step = nil
	w.run()
	if n := len(w.files()); n != len(w.voice)-1 {
		t.Errorf("%d files", n)
	}
}

// TestRun_SyncFails has copies that cannot be made durable: their results do not say
// that they are stored.
func TestRun_SyncFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 6, simulate.Audio{}, storing(combined))
	w.memory.Edit(noProbe)
	w.options.Log = slog.New(slog.DiscardHandler)
	w.step = func(operation, path string) error {
		if copies, _ := filepath.Glob(filepath.Join(path, "*.wav")); operation == "sync" && len(copies) > 0 {
			return syscall.EIO
		}
		return nil
	}
	r, err := Run(t.Context(), w.options)
	if err != nil || !errors.Is(r.StoreErr, syscall.EIO) {
		t.Fatalf("%v, report %+v", err, r)
	}
	for _, id := range w.voice {
		if a := w.row(id, combined); a.StoredAt.Valid || a.StoredURI != "" || a.Availability != warehouse.AudioAvailable {
			t.Errorf("row %+v", a)
		}
	}
	w.step = nil
	if r := w.run(); r.Total().Adopted != int64(len(w.voice)) {
		t.Errorf("counts %+v", r.Total())
	}
}
