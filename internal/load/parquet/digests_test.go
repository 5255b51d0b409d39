package parquet_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

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
	if err := os.WriteFile(files[0], right, 0o600); err != nil {
		t.Fatal(err)
	}
	if d := stored(t, s); d.IsKnown() {
		t.Errorf("the digest of an earlier version counts: %x", d)
	}
}

// Keys with their digests are read without opening a table. The file that small
// partitions of a year share has one partition less when that has grown, and one more
// when it has shrunk.
func TestDigests_Shared(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	february, march := loadtest.Noon.AddDate(0, -1, 0), loadtest.Noon
	many := make([]*warehouse.Rows, 513)
	for i := range many {
		many[i] = loadtest.Conversation("p", fmt.Sprint("many-", i), march.Add(time.Duration(i)*time.Second))
		many[i].Digest[0] = 2
	}
	one := loadtest.Conversation("p", "one", february)
	one.Digest[0] = 1
	s.run(t, one, many[0])
	check := func(want int, names ...string) {
		t.Helper()
		files := digestFiles(t, s)
		for i := range files {
			files[i] = filepath.Base(files[i])
		}
		if !slices.Equal(files, names) {
			t.Errorf("the files of keys are %v instead of %v", files, names)
		}
		d := s.Open(t, nil)
		defer d.Close()
		keys, err := d.Digests(t.Context(), feed, 0, warehouse.TimestampOf(march.AddDate(1, 0, 0)))
		if err != nil || len(keys) != want || slices.ContainsFunc(keys, func(k load.DigestKey) bool {
			return (k.Digest[0] == 1) != (k.ID == "one") || !k.Digest.IsKnown()
		}) {
			t.Errorf("%d keys instead of %d, %v: %v", len(keys), want, err, keys[:min(len(keys), 3)])
		}
	}
	check(2, "2024")
	s.run(t, many...)
	check(514, "2024", "2024-03-d01-31")
	gone := load.Key{ID: "many-512", StartedAt: many[512].Conversation.StartedAt}
	s.runWindow(t, load.Window{At: 5, Missing: []load.Key{gone}, DeleteMissing: true}, 0)
	check(513, "2024")
	damageTables(t, s)
	check(513, "2024")
}

// damageTables overwrites the files of conversations, which keeps their size.
func damageTables(t *testing.T, s *lake) {
	t.Helper()
	for name, info := range s.files(t) {
		if strings.HasPrefix(name, "conversations/") {
			if err := os.WriteFile(filepath.Join(s.path, name), make([]byte, info.Size()), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Files of digests of an earlier version count as none.
func TestDigests_Earlier(t *testing.T) {
	t.Parallel()
	c := loadtest.Conversation("p", "c-1", loadtest.Noon)
	c.Digest[0] = 1
	s := newLake(t)
	s.run(t, c)
	file := digestFiles(t, s)[0]
	month := filepath.Join(filepath.Dir(file), loadtest.Noon.Format("2006-01"))
	if err := errors.Join(os.Remove(file), os.MkdirAll(month, 0o700), os.WriteFile(filepath.Join(month, "d01-30"), []byte("old"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if d := stored(t, s); d.IsKnown() {
		t.Errorf("the digest is %x", d)
	}
	s.run(t, c)
	if d := stored(t, s); d != c.Digest {
		t.Errorf("the digest is %x after a run", d)
	}
}
