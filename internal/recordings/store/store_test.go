package store

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestOpen(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "a", "recordings")
	if _, err := Open(Options{Path: root, Existing: true}); !IsUnavailable(err) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a store: got %v", err)
	}
	if err := CheckExists(root); !IsUnavailable(err) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a store: got %v", err)
	}
	if _, err := os.Stat(filepath.Dir(root)); err == nil {
		t.Error("the folder was created")
	}
	open(t, root, nil)
	if err := CheckExists(root); err != nil {
		t.Error(err)
	}
	if _, err := Open(Options{Path: root, Existing: true}); err != nil {
		t.Error(err)
	}
	open(t, root, nil)
	layout := filepath.Join(root, ownFolder, layoutFile)
	if text, err := os.ReadFile(layout); err != nil || string(text) != `{"layout":1}` {
		t.Errorf("got %s, %v", text, err)
	}
	for text, want := range map[string]string{`{"layout":2}`: "has layout 2", `{`: "restore it", "": "restore it"} {
		if err := os.WriteFile(layout, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(Options{Path: root}); err == nil || !strings.Contains(err.Error(), want) || IsUnavailable(err) {
			t.Errorf("with %q: got %v", text, err)
		}
	}
	if _, err := Open(Options{Path: filepath.Join(layout, "below")}); !IsUnavailable(err) || !strings.Contains(err.Error(), "is a file") {
		t.Errorf("below a file: got %v", err)
	}
}

func TestOpen_Mode(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "recordings")
	for mode, folder := range map[fs.FileMode]fs.FileMode{0: 0o700, 0o640: 0o750, 0o666: 0o777} {
		s, err := Open(Options{Path: root, Mode: mode})
		if err != nil {
			t.Fatal(err)
		}
		f := claim(t, s)
		c := write(t, f, "CA01", recording(10, 1))
		path := filepath.Join(root, c.URI)
		for path, want := range map[string]fs.FileMode{path: mode | 0o600, filepath.Dir(path): folder, root: folder, filepath.Join(root, ownFolder, layoutFile): mode | 0o600} {
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
				t.Errorf("%s has mode %v (%v), want %v", path, info.Mode(), err, want)
			}
		}
		if err := errors.Join(f.Close(), os.RemoveAll(root)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestStore_Claim(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	s := open(t, root, nil)
	f := claim(t, s)
	var claimed *ClaimedError
	_, err := open(t, root, nil).Claim("made-up")
	if !errors.As(err, &claimed) || !strings.HasPrefix(claimed.Holder, "process ") || IsUnavailable(err) {
		t.Errorf("got %v", err)
	}
	other, err := s.Claim("Made-Up")
	if err != nil {
		t.Fatalf("another project: %v", err)
	}
	part := filepath.Join(root, ownFolder, temporaryFolder, "made-up", "1.part") // of a killed process
	if err := errors.Join(os.WriteFile(part, []byte("RIFF"), 0o600), f.Close(), other.Close()); err != nil {
		t.Fatal(err)
	}
	write(t, claim(t, s), "CA01", recording(10, 1))
	wantFiles(t, root, map[string][]byte{"2026/11/04/CA01.combined.redacted.wav": recording(10, 1)})
}

func TestStore_Walk(t *testing.T) {
	t.Parallel()
	root, b := t.TempDir(), recording(10, 1)
	s := open(t, root, nil)
	f := claim(t, s)
	for i, id := range []string{"CA02", "CA01", "../x", "CA01"} {
		name := named(id)
		name.StartedAt = start.Add(time.Duration(i) * 24 * time.Hour)
		if _, err := f.Write(t.Context(), name, source(b)); err != nil {
			t.Fatal(err)
		}
	}
	err := errors.Join(os.WriteFile(filepath.Join(root, "made-up", "notes.txt"), []byte("made up"), 0o600), os.Symlink(root, filepath.Join(root, "made-up", "2027")))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	sizes := map[string]int64{}
	if err := s.Walk(t.Context(), "made-up", func(f File) error {
		got, sizes[f.URI] = append(got, f.URI), f.Bytes
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	const end = ".combined.redacted.wav"
	want := []string{"made-up/2026/11/04/CA02" + end, "made-up/2026/11/05/CA01" + end, "made-up/2026/11/06/=2E=2E=2Fx" + end, "made-up/2026/11/07/CA01" + end, "made-up/2027", "made-up/notes.txt"}
	if !slices.Equal(got, want) || sizes[want[0]] != int64(len(b)) || sizes["made-up/2027"] != -1 || sizes["made-up/notes.txt"] != 7 {
		t.Errorf("got %v", sizes)
	}
	found, err := s.Find(t.Context(), "made-up", []string{"CA01", "../x", "CA03"})
	if err != nil || len(found) != 2 || !slices.Equal(found["CA01"], []string{want[1], want[3]}) || !slices.Equal(found["../x"], want[2:3]) {
		t.Errorf("got %v, %v", found, err)
	}
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	if err := s.Walk(ctx, "made-up", func(File) error { cancel(stop); return nil }); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
	if found, err := s.Find(t.Context(), "unknown", []string{"CA01"}); err != nil || len(found) != 0 {
		t.Errorf("unknown project: %v, %v", found, err)
	}
}

func TestStore_Open(t *testing.T) {
	t.Parallel()
	root, b := t.TempDir(), recording(1000, 1)
	s := open(t, root, nil)
	c := write(t, claim(t, s), "CA01", b)
	f, err := s.Open(c.URI)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if text, err := io.ReadAll(f); err != nil || string(text) != string(b) {
		t.Errorf("got %d bytes, %v", len(text), err)
	}
	if sum, n, err := s.Sum(t.Context(), c.URI); err != nil || sum != c.SHA256 || n != c.Bytes {
		t.Errorf("got %s, %d, %v", sum, n, err)
	}
	for _, uri := range []string{"made-up/2026/11/04/CA02.combined.redacted.wav", "made-up/2026", "../x"} {
		if _, err := s.Open(uri); !errors.Is(err, fs.ErrNotExist) || IsUnavailable(err) {
			t.Errorf("%s: got %v", uri, err)
		}
	}
}

// Workers write, sync and remove at the same time.
func TestFolder_Concurrent(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	f := claim(t, open(t, root, nil))
	want := map[string][]byte{}
	var group sync.WaitGroup
	for i := range 8 {
		id, b := "CA0"+string(rune('0'+i)), recording(bufferBytes+i, byte(i))
		want["2026/11/04/"+id+".combined.redacted.wav"] = b
		group.Go(func() {
			write(t, f, id, b)
			gone := write(t, f, id+"-gone", b)
			if err := errors.Join(f.Sync(), f.Remove(gone.URI), f.Sync()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	wantFiles(t, root, want)
}

func TestStore_Links(t *testing.T) {
	t.Parallel()
	root, disk := filepath.Join(t.TempDir(), "recordings"), t.TempDir()
	s := open(t, root, nil)
	f := claim(t, s)
	c := write(t, f, "CA01", recording(10, 1))
	year := filepath.Join(root, "made-up", "2026")
	for _, err := range []error{
		os.Rename(year, filepath.Join(disk, "2026")), // moved to another disk
		os.Symlink(filepath.Join(disk, "2026"), year),
		os.Symlink("2026", filepath.Join(root, "made-up", "inside")),
		os.Symlink(disk, filepath.Join(disk, "2026", "above")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	found, err := s.Find(t.Context(), "made-up", []string{"CA01"})
	if err != nil || !slices.Equal(found["CA01"], []string{c.URI}) {
		t.Errorf("found %v, %v", found, err)
	}
	var walked []string
	err = s.Walk(t.Context(), "made-up", func(f File) error { walked = append(walked, f.URI); return nil })
	if want := []string{c.URI, "made-up/2026/above", "made-up/inside"}; err != nil || !slices.Equal(walked, want) {
		t.Errorf("walked %q, %v", walked, err)
	}
	if err := errors.Join(f.Remove(c.URI), f.Sync()); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(filepath.Join(disk, "2026", "11", "04", "CA01.combined.redacted.wav")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the copy was not removed: %v", err)
	}
}

func TestStore_LinkOfProject(t *testing.T) {
	t.Parallel()
	root, disk := filepath.Join(t.TempDir(), "recordings"), filepath.Join(t.TempDir(), "disk")
	s := open(t, root, nil)
	c := write(t, claim(t, s), "CA01", recording(10, 1))
	if err := errors.Join(os.Rename(filepath.Join(root, "made-up"), disk), os.Symlink(disk, filepath.Join(root, "made-up"))); err != nil {
		t.Fatal(err)
	}
	found, err := s.Find(t.Context(), "made-up", []string{"CA01"})
	if err != nil || !slices.Equal(found["CA01"], []string{c.URI}) {
		t.Errorf("found %v, %v", found, err)
	}
}
