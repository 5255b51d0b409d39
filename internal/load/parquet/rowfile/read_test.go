package rowfile

import (
	"os"
	"path/filepath"
	"testing"

	"convsync/internal/warehouse"
)

// closed counts how often a file is closed.
type closed struct {
	*os.File
	times int
}

func (c *closed) Close() error {
	c.times++
	return c.File.Close()
}

func TestOpen_Closes(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	whole, other := filepath.Join(folder, "whole"), filepath.Join(folder, "other")
	w := create(t, turns, whole)
	w.Add(&warehouse.Turn{UserInput: "hello"})
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(other, []byte("no Parquet file"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, readable := range map[string]bool{whole: true, other: false} {
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		c := &closed{File: file}
		r, err := Open(t.Context(), c, turns, "p")
		if readable != (err == nil) {
			t.Fatalf("%s: %v", path, err)
		}
		if readable {
			err = r.Close()
		}
		if c.times != 1 {
			t.Errorf("%s is closed %d times (%v)", path, c.times, err)
		}
	}
}

func TestOpen_Columns(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file.parquet")
	w := create(t, turns, path)
	w.Add(&warehouse.Turn{ConversationID: "c", UserInput: "hello", TurnIndex: 3})
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Open(t.Context(), file, turns, "p", "turn_index")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	row, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	if got := *row.(*warehouse.Turn); got.TurnIndex != 3 || got.UserInput != "" || got.ProjectID != "p" || r.Has("user_input") || !r.Has("turn_index") {
		t.Errorf("read %+v", got)
	}
}
