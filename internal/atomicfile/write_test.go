package atomicfile

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWrite(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "state.json")
	for _, want := range []string{"old", "new"} {
		if err := Write(file, []byte(want)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v; want mode 0600", info.Mode(), err)
	}
}

func TestWrite_Failure(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := filepath.Join(folder, "state.json")
	if err := os.Mkdir(file, 0o700); err != nil { // a folder is not replaced by a file
		t.Fatal(err)
	}
	if err := Write(file, []byte("new")); err == nil {
		t.Error("no error")
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 1 {
		t.Errorf("left next to it: %v, %v", left, err)
	}
	if err := Write(filepath.Join(folder, "missing", "state.json"), nil); !os.IsNotExist(err) {
		t.Errorf("got %v, want that the folder does not exist", err)
	}
}
