package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	locked := filepath.Join(t.TempDir(), "locked")
	if err := os.Mkdir(locked, 0o500); err != nil {
		t.Fatal(err)
	}
	var refused error
	if os.Geteuid() != 0 { // root may write to any folder
		refused = syscall.EACCES
	}
	for path, want := range map[string]error{
		folder: nil, filepath.Join(folder, "new"): nil, file: syscall.ENOTDIR, filepath.Join(file, "below"): syscall.ENOTDIR,
		filepath.Join(folder, strings.Repeat("x", 300)): syscall.ENAMETOOLONG, locked: refused,
	} {
		err := Check(path)
		if !errors.Is(err, want) || IsUnavailable(err) != (want != nil) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) != 1 {
		t.Errorf("Check created something: %v, %v", entries, err)
	}
}
