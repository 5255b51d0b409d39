package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// session stores, adopts and removes recordings of a store that has one. It returns
// the copies that may be recorded: those that were synced.
func session(ctx context.Context, s *Store) (recorded []Copy, err error) {
	f, err := s.Claim("made-up")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	adopted, ok, err := f.Adopt(ctx, named("CA01"), -1)
	if err != nil || !ok {
		return nil, errors.Join(err, errIf(!ok, "not adopted"))
	}
	second, err := f.Write(ctx, named("CA02"), source(contents["CA02"]))
	if err != nil {
		return nil, err
	}
	third, err := f.Write(ctx, named("CA03"), source(contents["CA03"])) // another file has its name
	if err != nil {
		return nil, err
	}
	if err := errors.Join(f.Remove(URI("made-up", named("CA04"))), f.Sync()); err != nil {
		return nil, err
	}
	return []Copy{adopted, second, third}, nil
}

func errIf(is bool, text string) error {
	if is {
		return errors.New(text)
	}
	return nil
}

var contents = map[string][]byte{
	"CA01": recording(100, 1),
	"CA02": recording(bufferBytes+manyBytes, 2),
	"CA03": recording(300, 3),
}

const manyBytes = 100_000

var final = map[string][]byte{
	"2026/11/04/CA01.combined.redacted.wav": contents["CA01"],
	"2026/11/04/CA02.combined.redacted.wav": contents["CA02"],
	"2026/11/04/CA03.combined.redacted.wav": contents["CA03"],
}

// prepared makes a store with a recording, another file under a name, one to remove,
// and a part that a killed process left.
func prepared(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	f := claim(t, open(t, root, nil))
	write(t, f, "CA01", contents["CA01"])
	write(t, f, "CA03", recording(300, 9))
	write(t, f, "CA04", recording(10, 4))
	part := filepath.Join(root, ownFolder, temporaryFolder, "made-up", "7.part")
	if err := errors.Join(f.Sync(), f.Close(), os.WriteFile(part, []byte("RIFF"), 0o600)); err != nil {
		t.Fatal(err)
	}
	return root
}

// broken fails operations from the first on: one, or all like those of a process that
// is killed.
func broken(t *testing.T, from string, first int64, killed bool) (root string, count *atomic.Int64, recorded []Copy, failed error) {
	t.Helper()
	root, count = filepath.Join(t.TempDir(), "recordings"), new(atomic.Int64)
	if err := os.CopyFS(root, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	s, failed := Open(Options{Path: root, Step: func(string, string) error {
		if n := count.Add(1); n == first || killed && n > first {
			return syscall.EIO
		}
		return nil
	}})
	if failed == nil {
		recorded, failed = session(t.Context(), s)
	}
	return root, count, recorded, failed
}

// wantWhole checks that each file under a final name is complete, and that recorded
// copies are stored.
func wantWhole(t *testing.T, root string, recorded []Copy) {
	t.Helper()
	got := files(t, filepath.Join(root, "made-up"))
	for name, b := range got {
		old := name == "2026/11/04/CA03.combined.redacted.wav" && b == string(recording(300, 9)) || strings.Contains(name, "CA04")
		if b != string(final[name]) && !old {
			t.Errorf("%s is not complete: %d bytes", name, len(b))
		}
	}
	for _, c := range recorded {
		if hashOf([]byte(got[strings.TrimPrefix(c.URI, "made-up/")])) != c.SHA256 {
			t.Errorf("%s is recorded, and not stored", c.URI)
		}
	}
}

func TestStore_FailsAtEachStep(t *testing.T) {
	t.Parallel()
	from := prepared(t)
	for _, killed := range []bool{false, true} {
		name := "Once"
		if killed {
			name = "Killed"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			failures, n := 0, int64(0)
			for reached := true; reached; {
				n++
				root, count, recorded, err := broken(t, from, n, killed)
				reached = count.Load() >= n
				if err != nil {
					failures++
					if recorded != nil || !IsUnavailable(err) && err.Error() != "not adopted" {
						t.Errorf("step %d: got %v", n, err)
					}
				}
				wantWhole(t, root, recorded)
				if !killed && n%4 != 0 {
					continue // the next run is the same as after a kill
				}
				recorded, err = session(t.Context(), open(t, root, nil))
				if err != nil {
					t.Fatalf("after step %d: %v", n, err)
				}
				wantWhole(t, root, recorded)
				wantFiles(t, root, final)
			}
			if n < 30 || failures < 25 {
				t.Errorf("%d of %d steps failed", failures, n)
			}
		})
	}
}

func TestFolder_SyncFails(t *testing.T) {
	t.Parallel()
	var fail atomic.Bool
	var synced []string
	f := claim(t, open(t, t.TempDir(), func(operation, path string) error {
		if operation != "sync" || strings.Contains(path, ownFolder) {
			return nil
		}
		if fail.Load() {
			return syscall.EIO
		}
		synced = append(synced, path)
		return nil
	}))
	write(t, f, "CA01", recording(10, 1))
	fail.Store(true)
	if err := f.Sync(); !IsUnavailable(err) {
		t.Fatalf("got %v", err)
	}
	fail.Store(false)
	synced = nil
	if err := errors.Join(f.Sync(), f.Sync()); err != nil || len(synced) != 5 {
		t.Errorf("the folders are not synced once each after a failure: %v, %v", synced, err)
	}
}

func TestUnavailableError(t *testing.T) {
	t.Parallel()
	for errno, want := range map[error]string{
		syscall.ENOSPC: "MB free): free some space", syscall.EDQUOT: "free some space", syscall.EROFS: "let the user of convsync write",
		syscall.EACCES: "let the user of convsync write", syscall.EIO: "check the disk", syscall.EXDEV: "one file system", syscall.ENOLCK: "flock", syscall.ENOENT: "is mounted",
	} {
		root := t.TempDir()
		f := claim(t, open(t, root, nil))
		f.store.disk.step = func(operation, _ string) error {
			if operation == "create" {
				return errno
			}
			return nil
		}
		_, err := f.Write(t.Context(), named("CA01"), source(recording(10, 1)))
		var unavailable *UnavailableError
		if !errors.As(err, &unavailable) || !errors.Is(err, errno) || unavailable.Path != root || unavailable.FreeBytes <= 0 || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v", errno, err)
		}
		wantFiles(t, root, nil)
	}
}

// A store that is not mounted while a process has it is not created again.
func TestStore_Unmounted(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "recordings")
	s := open(t, root, nil)
	f := claim(t, s)
	if err := os.RemoveAll(root); err != nil {
		t.Fatal(err)
	}
	_, err := f.Write(t.Context(), named("CA01"), source(recording(10, 1)))
	_, claimErr := s.Claim("other")
	if _, statErr := os.Stat(root); !IsUnavailable(err) || !IsUnavailable(claimErr) || !os.IsNotExist(statErr) {
		t.Errorf("got %v, %v, %v", err, claimErr, statErr)
	}
}
