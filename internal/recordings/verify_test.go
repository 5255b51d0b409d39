package recordings

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"convsync/internal/load"
	"convsync/internal/load/memory"
	"convsync/internal/recordings/store"
	"convsync/internal/simulate"
	"convsync/internal/warehouse"
)

// storedWorld is a world in which copies of the kinds are stored.
func storedWorld(t testing.TB, kinds ...load.RecordingKind) *world {
	t.Helper()
	w := newWorld(t, 12, simulate.Audio{}, storing(kinds...))
	w.memory.Edit(noProbe)
	w.run()
	return w
}

func (w *world) verifying() VerifyOptions {
	return VerifyOptions{
		ProjectID:    projectID,
		Environments: []string{"live"},
		Destination:  w.options.Destination,
		OpenStore: func() (*store.Store, error) {
			return store.Open(store.Options{Path: w.folder, Existing: true, Step: func(operation, path string) error {
				if w.step == nil {
					return nil
				}
				return w.step(operation, path)
			}})
		},
		Owner: load.Owner{RunID: "made-up-verify"},
		Clock: w.now,
	}
}

// path returns the path of the copy of a conversation.
func (w *world) path(id string, k load.RecordingKind) string {
	w.Helper()
	a := w.row(id, k)
	if a.StoredURI == "" {
		w.Fatalf("%s has no copy", id)
	}
	return filepath.Join(w.folder, filepath.FromSlash(string(a.StoredURI)))
}

func (w *world) verify() *Verification {
	w.Helper()
	v, err := Verify(w.Context(), w.verifying())
	if err != nil {
		w.Fatal(err)
	}
	return v
}

func (w *world) repair() *Verification {
	w.Helper()
	v, err := Repair(w.Context(), w.verifying())
	if err != nil {
		w.Fatal(err)
	}
	return v
}

// wantFaults compares the findings by kind, and their paths.
func (w *world) wantFaults(v *Verification, want map[string]int64) {
	w.Helper()
	if !maps.Equal(v.Faults, want) || v.Unverified != "" {
		w.Errorf("found %v (%+v, unverified %q), want %v", v.Faults, v.Findings, v.Unverified, want)
	}
}

// flip changes the last byte of a file.
func flip(t testing.TB, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		b[len(b)-1] ^= 1
		err = os.WriteFile(path, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		damage func(w *world, id string)
		want   map[string]int64
		moved  int // files in the quarantine after a repair
	}{
		"Nothing": {func(*world, string) {}, map[string]int64{}, 0},
		"Flipped": {func(w *world, id string) { flip(w, w.path(id, combined)) }, map[string]int64{AlteredRecording: 1}, 1},
		"Cut":     {func(w *world, id string) { must(w, os.Truncate(w.path(id, combined), 100)) }, map[string]int64{AlteredRecording: 1}, 1},
		"Removed": {func(w *world, id string) { must(w, os.Remove(w.path(id, combined))) }, map[string]int64{LostRecording: 1}, 0},
		"Added": {func(w *world, id string) { must(w, os.WriteFile(w.path(id, combined)+".bak", nil, 0o600)) },
			map[string]int64{ForeignRecording: 1}, 1},
		"Renamed": {func(w *world, id string) {
			path := w.path(id, combined)
			must(w, os.Rename(path, path+"x"))
		}, map[string]int64{LostRecording: 1, ForeignRecording: 1}, 1},
		"OtherFolder": {func(w *world, id string) {
			w.edit(id, func(a *warehouse.AudioReference) { a.StoredURI = "../elsewhere/x.wav" })
		}, map[string]int64{LostRecording: 1, ForeignRecording: 1}, 1},
		"WrongHash": {func(w *world, id string) {
			w.edit(id, func(a *warehouse.AudioReference) { a.SHA256 = "00" })
		}, map[string]int64{AlteredRecording: 1}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := storedWorld(t, combined)
			c.damage(w, w.voice[1])
			before := w.files()
			v := w.verify()
			w.wantFaults(v, c.want)
			if v.Copies != int64(len(w.voice)) || !v.ForeignVerified || len(w.files()) != len(before) {
				t.Errorf("verify changed files, or left some out: %+v", v)
			}
			w.wantFaults(w.repair(), c.want)
			w.wantFaults(w.verify(), map[string]int64{})
			w.run()
			for _, id := range w.voice {
				w.checkStored(id, combined)
			}
			w.wantFaults(w.verify(), map[string]int64{})
			if moved, _ := filepath.Glob(filepath.Join(w.folder, ".convsync/quarantine/*/*")); len(moved) != c.moved {
				t.Errorf("in the quarantine: %v", moved)
			}
		})
	}
}

// edit changes the rows of a conversation.
func (w *world) edit(id string, change func(*warehouse.AudioReference)) {
	w.memory.Edit(func(d *memory.Data) {
		rows := d.Conversations[memory.ID{projectID, id}]
		for i := range rows.Audio {
			change(&rows.Audio[i])
		}
	})
}

// TestVerify_SharedFile has a raw recording whose row names the redacted file, because
// both have the same bytes.
func TestVerify_SharedFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 12, simulate.Audio{NoPIIAccess: true}, storing(combined, combinedRaw))
	w.run()
	if v := w.verify(); v.Copies != int64(len(w.voice)) {
		t.Errorf("%d files of %d conversations: %+v", v.Copies, len(w.voice), v)
	}
	flip(t, w.path(w.voice[0], combinedRaw))
	must(t, os.Remove(w.path(w.voice[1], combined)))
	want := map[string]int64{AlteredRecording: 2, LostRecording: 2}
	w.wantFaults(w.verify(), want)
	w.wantFaults(w.repair(), want)
	w.run()
	w.wantFaults(w.verify(), map[string]int64{})
	if a, b := w.row(w.voice[0], combined), w.row(w.voice[0], combinedRaw); a.SHA256 == "" || a.SHA256 != b.SHA256 {
		t.Errorf("rows %+v and %+v", a, b)
	}
}

func TestVerify_Unreadable(t *testing.T) {
	t.Parallel()
	w := storedWorld(t, combined)
	path := w.path(w.voice[0], combined)
	w.step = func(operation, p string) error {
		if operation == "open" && p == path {
			return syscall.EACCES
		}
		return nil
	}
	want := map[string]int64{UnreadableRecording: 1}
	w.wantFaults(w.verify(), want)
	if f := w.repair().Findings; len(f) != 1 || !strings.Contains(f[0].Reason, "permission denied") {
		t.Errorf("findings %+v", f)
	}
	w.wantFaults(w.verify(), want) // it remains as it is
	w.step = nil
	w.wantFaults(w.verify(), map[string]int64{})
}

// TestVerify_Range verifies one conversation of several.
func TestVerify_Range(t *testing.T) {
	t.Parallel()
	w := storedWorld(t, combined)
	for _, id := range w.voice {
		flip(t, w.path(id, combined))
	}
	path := w.path(w.voice[0], combined)
	must(t, os.WriteFile(path+".bak", nil, 0o600))
	o := w.verifying()
	o.From = w.row(w.voice[0], combined).StartedAt
	o.Until = o.From + 1
	for _, do := range []func() (*Verification, error){
		func() (*Verification, error) { return Verify(t.Context(), o) },
		func() (*Verification, error) { return Repair(t.Context(), o) },
	} {
		v, err := do()
		must(t, err)
		w.wantFaults(v, map[string]int64{AlteredRecording: 1})
		if v.ForeignVerified {
			t.Error("foreign files cannot be known in a part of the time")
		}
	}
	if _, err := os.Stat(path + ".bak"); err != nil {
		t.Error(err)
	}
	w.wantFaults(w.verify(), map[string]int64{AlteredRecording: int64(len(w.voice) - 1), ForeignRecording: 1})
}

func TestVerify_OtherEnvironment(t *testing.T) {
	t.Parallel()
	w := storedWorld(t, combined)
	o := w.verifying()
	o.Environments = []string{"draft"}
	for _, do := range []func() (*Verification, error){
		func() (*Verification, error) { return Verify(t.Context(), o) },
		func() (*Verification, error) { return Repair(t.Context(), o) },
	} {
		if v, err := do(); err != nil || len(v.Faults) > 0 || !strings.Contains(v.Unverified, "not configured") || v.ForeignVerified {
			t.Errorf("%+v, %v", v, err)
		}
	}
	w.wantFaults(w.verify(), map[string]int64{})
}

// TestVerify_NoStore checks that a disk that is not mounted loses no recording.
func TestVerify_NoStore(t *testing.T) {
	t.Parallel()
	w := storedWorld(t, combined)
	away := w.folder + "-away"
	w.step = func(operation, path string) error {
		if operation == "open" && strings.HasSuffix(path, ".wav") {
			return os.Rename(w.folder, away)
		}
		return nil
	}
	for range 2 { // it is unmounted meanwhile, and before
		if v, err := Verify(t.Context(), w.verifying()); !store.IsUnavailable(err) {
			t.Errorf("%+v, %v", v, err)
		}
		if v, err := Repair(t.Context(), w.verifying()); !store.IsUnavailable(err) {
			t.Errorf("%+v, %v", v, err)
		}
	}
	w.step = nil
	must(t, os.Rename(away, w.folder))
	w.wantFaults(w.verify(), map[string]int64{})
}

// TestVerify_Meanwhile has a conversation that is deleted, with its copy, while it is
// verified.
func TestVerify_Meanwhile(t *testing.T) {
	t.Parallel()
	w := storedWorld(t, combined)
	path := w.path(w.voice[0], combined)
	w.step = func(operation, p string) error {
		if operation == "open" && p == path {
			w.delete(w.voice[0])
			return os.Remove(path)
		}
		return nil
	}
	w.wantFaults(w.verify(), map[string]int64{})
}
