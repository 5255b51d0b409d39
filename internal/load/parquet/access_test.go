//go:build unix

package parquet_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"convsync/internal/load"
	"convsync/internal/load/parquet"
	"convsync/internal/warehouse"
)

// The umask of the tests, usually 022, would let everyone read the files.
func TestAccess(t *testing.T) {
	t.Parallel()
	ours := os.Getgid()
	for name, c := range map[string]struct {
		mode         fs.FileMode
		group        string
		file, folder fs.FileMode
		gid          int
	}{
		"unset":          {0, "", 0o600, 0o700, ours},
		"group may read": {0o640, strconv.Itoa(groupID(ours)), 0o640, 0o750, groupID(ours)},
		"group writes":   {0o660, "", 0o660, 0o770, ours},
		"everyone reads": {0o644, "", 0o644, 0o755, ours},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := filepath.Join(t.TempDir(), "new", "lake")
			lake, err := parquet.Open(parquet.Options{Path: root, Mode: c.mode, Group: c.group})
			if err != nil {
				t.Fatal(err)
			}
			if err := lake.Prepare(t.Context()); err != nil {
				t.Fatal(err)
			}
			w, err := lake.Begin(t.Context(), load.Owner{RunID: "run-1"})
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Finish(t.Context(), &warehouse.SyncRun{RunID: "run-1"}); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			files := 0
			err = filepath.WalkDir(filepath.Dir(root), func(path string, e fs.DirEntry, err error) error {
				if err != nil {
					return err
				}
				info, err := e.Info()
				if err != nil {
					return err
				}
				want := c.folder
				if !e.IsDir() {
					files, want = files+1, c.file
				}
				if gid := int(info.Sys().(*syscall.Stat_t).Gid); info.Mode().Perm() != want || gid != c.gid {
					t.Errorf("%s: mode %o, group %d, want %o, %d", strings.TrimPrefix(path, root), info.Mode().Perm(), gid, want, c.gid)
				}
				return nil
			})
			if err != nil || files < 4 {
				t.Errorf("%d files, %v", files, err)
			}
			if exposed, err := lake.Exposed(); exposed != "" || err != nil {
				t.Errorf("exposed: %q, %v", exposed, err)
			}
		})
	}
	if _, err := parquet.Open(parquet.Options{Path: t.TempDir(), Group: "no-such-group"}); err == nil || !strings.Contains(err.Error(), "destination.parquet.group") {
		t.Errorf("an unknown group: %v", err)
	}
}

func TestExposed(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	folder, file := filepath.Join(root, "conversations"), filepath.Join(root, "conversations", "part-0.parquet")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		root, mode fs.FileMode
		want       string
	}{
		"open":          {0o755, 0, file},
		"closed folder": {0o700, 0, ""},
		"intended":      {0o755, 0o644, ""},
	} {
		if err := os.Chmod(root, c.root); err != nil {
			t.Fatal(err)
		}
		lake, err := parquet.Open(parquet.Options{Path: root, Mode: c.mode})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := lake.Exposed(); got != c.want || err != nil {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, c.want)
		}
	}
}

// otherGroup is a group to which root can give files.
const otherGroup = 1

// groupID returns a group to which files can be given: root may choose any.
func groupID(ours int) int {
	if os.Getuid() == 0 {
		return otherGroup
	}
	return ours
}
