package parquet_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/parquet"
)

func TestANewerLakeIsRefused(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	s.run(t)
	if err := os.WriteFile(filepath.Join(s.path, "_sync/lake.json"), []byte(`{"format_version":4}`), 0o666); err != nil {
		t.Fatal(err)
	}
	l := s.Open(t, nil)
	_, begin := l.Begin(t.Context(), load.Owner{})
	for call, err := range map[string]error{"Check": l.Check(t.Context()), "Prepare": l.Prepare(t.Context()), "Begin": begin} {
		var newer *load.TooNewError
		if !errors.As(err, &newer) || newer.Found != 4 || newer.Highest != 3 || !strings.Contains(newer.Where, s.path) {
			t.Errorf("%s says %v", call, err)
		}
	}
}

func TestAFolderWithOtherThingsIsRefused(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	if err := os.MkdirAll(filepath.Join(s.path, "photos"), 0o777); err != nil {
		t.Fatal(err)
	}
	l := s.Open(t, nil)
	for call, err := range map[string]error{"Check": l.Check(t.Context()), "Prepare": l.Prepare(t.Context())} {
		if err == nil || !strings.Contains(err.Error(), "photos") {
			t.Errorf("%s says %v", call, err)
		}
	}
	if _, err := l.Begin(t.Context(), load.Owner{}); err == nil {
		t.Error("Begin makes a lake of it")
	}
	if entries, err := os.ReadDir(s.path); err != nil || len(entries) != 1 {
		t.Errorf("something was left behind: %v, %v", entries, err)
	}
}

func TestALakeInTheWayOfAFileIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{path, filepath.Join(path, "lake")} {
		l, err := parquet.Open(parquet.Options{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		for call, err := range map[string]error{"Check": l.Check(t.Context()), "Prepare": l.Prepare(t.Context())} {
			var reported *load.StateError
			if !errors.As(err, &reported) || !strings.Contains(reported.Hint, "destination.parquet.path") {
				t.Errorf("%s of %s says %v", call, path, err)
			}
		}
	}
}

func TestAProjectWithAnEndlessNameIsRefused(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	s.run(t)
	w, err := s.Open(t, nil).Begin(t.Context(), load.Owner{})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{strings.Repeat("x", 250), strings.Repeat("é", 50)} {
		err := w.Register(t.Context(), []load.Project{loadtest.Project(id)})
		if err == nil || !strings.Contains(err.Error(), "as:") {
			t.Errorf("registering a name of %d bytes says %v", len(id), err)
		}
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}
