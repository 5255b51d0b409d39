package parquet_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/warehouse"
)

// digestFiles lists the files of digests of a lake.
func digestFiles(t *testing.T, s *lake) (files []string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(s.path, "_sync/digests"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// tables returns the content of all files of tables.
func tables(t *testing.T, s *lake) string {
	t.Helper()
	var all bytes.Buffer
	err := filepath.WalkDir(s.path, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(path, "started_month") {
			return err
		}
		info, err := d.Info()
		all.WriteString(path + info.ModTime().String() + "\n")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func stored(t *testing.T, s *lake) warehouse.Digest {
	t.Helper()
	d := s.Open(t, nil)
	defer d.Close()
	from, until := warehouse.TimestampOf(loadtest.Noon), warehouse.TimestampOf(loadtest.Noon.AddDate(0, 0, 1))
	keys, err := d.Digests(t.Context(), load.Feed{ProjectID: "p", Environment: loadtest.Live}, from, until)
	if err != nil || len(keys) != 1 {
		t.Fatalf("%+v, %v", keys, err)
	}
	return keys[0].Digest
}

// Digests that are stored for the first time, or again, change no file of a table.
// A file of digests that is damaged or lost, or not of this version of the partition,
// counts as empty.
func TestDigests_File(t *testing.T) {
	t.Parallel()
	c := loadtest.Conversation("p", "c-1", loadtest.Noon)
	s := newLake(t)
	s.run(t, c)
	before := tables(t, s)
	c.Digest[0] = 1
	s.run(t, c)
	if after := tables(t, s); after != before {
		t.Errorf("files of tables changed: %s\n%s", before, after)
	}
	files := digestFiles(t, s)
	if len(files) != 1 || stored(t, s) != c.Digest {
		t.Fatalf("the digest is %x, in %v", stored(t, s), files)
	}
	right, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"Cut":     right[:len(right)-1],
		"Empty":   {},
		"Flipped": append(bytes.Clone(right[:len(right)-5]), append([]byte{right[len(right)-5] ^ 1}, right[len(right)-4:]...)...),
	} {
		if err := os.WriteFile(files[0], content, 0o600); err != nil {
			t.Fatal(err)
		}
		if d := stored(t, s); d.IsKnown() {
			t.Errorf("%s: the digest is %x", name, d)
		}
	}
	s.run(t, c) // writes them again
	if d := stored(t, s); d != c.Digest {
		t.Errorf("the digest is %x", d)
	}
	s.run(t, loadtest.Conversation("p", "c-1", loadtest.Noon, loadtest.Note("other")))
	if err := os.MkdirAll(filepath.Dir(files[0]), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(files[0], right, 0o600); err != nil {
		t.Fatal(err)
	}
	if d := stored(t, s); d.IsKnown() {
		t.Errorf("the digest of an earlier version counts: %x", d)
	}
}
