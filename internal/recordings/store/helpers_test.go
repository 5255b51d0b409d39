package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var start = time.Date(2026, 11, 3, 23, 30, 0, 0, time.FixedZone("UTC-2", -2*60*60)) // the next day in UTC

func named(id string) Name {
	return Name{ConversationID: id, Direction: "combined", Redacted: true, StartedAt: start}
}

// recording makes a WAV file of silence, or of noise by seed.
func recording(samples int, seed byte) []byte {
	b := []byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x40\x1f\x00\x00\x01\x00\x08\x00data")
	b = binary.LittleEndian.AppendUint32(b, uint32(samples))
	for i := range samples {
		b = append(b, byte(i*i)*seed)
	}
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-8))
	return b
}

func hashOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func source(b []byte) Source { return Source{Body: bytes.NewReader(b), Size: int64(len(b))} }

func open(t testing.TB, path string, step func(operation, path string) error) *Store {
	t.Helper()
	s, err := Open(Options{Path: path, Step: step})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func claim(t testing.TB, s *Store) *Folder {
	t.Helper()
	f, err := s.Claim("made-up")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.lock.Close() })
	return f
}

func write(t testing.TB, f *Folder, id string, b []byte) Copy {
	t.Helper()
	c, err := f.Write(t.Context(), named(id), source(b))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// files lists all files below a folder, with their content.
func files(t testing.TB, root string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(root, path)
		found[filepath.ToSlash(name)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// wantFiles compares the recordings below a folder.
func wantFiles(t testing.TB, root string, want map[string][]byte) {
	t.Helper()
	got := files(t, filepath.Join(root, "made-up"))
	for name, content := range want {
		if got[name] != string(content) {
			t.Errorf("%s has %d bytes, want %d", name, len(got[name]), len(content))
		}
		delete(got, name)
	}
	for name := range got {
		t.Errorf("there is also %s", name)
	}
	if left := files(t, filepath.Join(root, ownFolder, temporaryFolder)); len(left) > 0 {
		t.Errorf("there are also %d temporary files", len(left))
	}
}

func wantReason(t testing.TB, err error, reason string) {
	t.Helper()
	var wrong *BodyError
	if !errors.As(err, &wrong) || wrong.Reason != reason || IsUnavailable(err) {
		t.Errorf("got %v, want the reason %s", err, reason)
	}
}
