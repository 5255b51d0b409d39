package parquet_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/parquet"
	"convsync/internal/warehouse"
)

// The tests here run in processes of their own: they drop rights of the
// process, and mount file systems that are private to it.

// faultVariable names the fault that a test in a process of its own simulates.
const faultVariable = "CONVSYNC_TEST_FAULT"

// noMounts is the output of such a process if it may not mount.
const noMounts = "mounting is not permitted here"

// apart runs this test again in a process of its own, with the named fault. If
// the fault needs a mount and mounting is not permitted, it is left out.
func apart(t *testing.T, fault string, mounts bool) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	child := exec.CommandContext(t.Context(), program, "-test.v", "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), faultVariable+"="+fault)
	child.Stdout, child.Stderr = &out, &out
	if mounts {
		child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
		if os.Getuid() != 0 {
			child.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
			child.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
			child.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
		}
	}
	err = child.Run()
	switch {
	case mounts && (child.ProcessState == nil || strings.Contains(out.String(), noMounts)):
		t.Logf("%s: %s (%v)", fault, noMounts, err)
	case err != nil || !strings.Contains(out.String(), "--- PASS"):
		t.Errorf("%s: %v\n%s", fault, err, out.String())
	}
}

// mountMemory mounts a file system in memory for this process only.
func mountMemory(t *testing.T, options string) (path string) {
	t.Helper()
	path = t.TempDir()
	err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	if err == nil {
		err = unix.Mount("tmpfs", path, "tmpfs", 0, options)
	}
	if err != nil {
		t.Fatal(noMounts, err) // the parent checks this output
	}
	t.Cleanup(func() {
		if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return path
}

// disk is a file system whose free space a test controls.
type disk struct {
	folder  string
	squeeze func(t testing.TB, left int) // limits free space to that many bytes
	relax   func(t testing.TB)
	steps   int // tested amounts of free space, from 0 on
	step    int
}

// smallDisk mounts a small file system and fills it with ballast.
func smallDisk(t *testing.T) *disk {
	path := mountMemory(t, "size=4m")
	ballast := filepath.Join(path, "ballast")
	return &disk{
		folder: path,
		squeeze: func(t testing.TB, left int) {
			var stat unix.Statfs_t
			err := unix.Statfs(path, &stat)
			if err == nil {
				err = os.WriteFile(ballast, make([]byte, int64(stat.Bavail)*stat.Bsize-int64(left)), 0o666)
			}
			if err != nil {
				t.Fatal(err)
			}
		},
		relax: func(t testing.TB) {
			if err := os.Remove(ballast); err != nil {
				t.Fatal(err)
			}
		},
		steps: 20,
		step:  8192,
	}
}

// shortFiles returns a disk with a limit on the size of files.
func shortFiles(t *testing.T) *disk {
	signal.Ignore(syscall.SIGXFSZ)
	limit := func(t testing.TB, n uint64) {
		var now unix.Rlimit
		err := unix.Getrlimit(unix.RLIMIT_FSIZE, &now)
		if err == nil {
			now.Cur = min(n, now.Max)
			err = unix.Setrlimit(unix.RLIMIT_FSIZE, &now)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return &disk{
		folder:  folder(t),
		squeeze: func(t testing.TB, left int) { limit(t, uint64(left)) },
		relax:   func(t testing.TB) { limit(t, unix.RLIM_INFINITY) },
		steps:   12,
		step:    len(warehouse.LakeSQL(func(string) bool { return true }))/10 + 1, // views.sql is the largest file
	}
}

func TestAFullDiskLeavesNothingHalfWritten(t *testing.T) {
	switch os.Getenv(faultVariable) {
	case "a full disk":
		fullDisk(t, smallDisk(t))
	case "a limit on files":
		fullDisk(t, shortFiles(t))
	default:
		t.Parallel()
		apart(t, "a full disk", true)
		apart(t, "a limit on files", false)
	}
}

// fullDisk runs with increasing free space, from none to enough. After each run
// follows one with enough space.
func fullDisk(t *testing.T, d *disk) {
	before := &lake{path: filepath.Join(d.folder, "before"), parsed: map[string]parsedFile{}}
	before.run(t, edition(1)...)
	stride, tried, failed := 1, 0, 0
	if loadtest.Raced {
		stride = 2
	}
	for i := 0; i < d.steps; i += stride {
		tried++
		s := &lake{path: filepath.Join(d.folder, "lake"), parsed: map[string]parsedFile{}}
		if err := os.CopyFS(s.path, os.DirFS(before.path)); err != nil {
			t.Fatal(err)
		}
		d.squeeze(t, i*d.step)
		published, err := s.try(t, edition(2)...)
		if err != nil {
			failed++
			wantStateError(t, err, "run again: nothing that was published is lost")
		}
		if is := editionOf(t, s.archived(t, feed)); is != 2 && (is != 1 || published) {
			t.Errorf("with room for %d: edition %d is stored, published: %v", i*d.step, is, published)
		}
		d.relax(t)
		s.run(t, edition(3)...)
		if is := editionOf(t, s.archived(t, feed)); is != 3 {
			t.Errorf("with room again edition %d is stored", is)
		}
		s.Dump(t)
		if left := s.Leftovers(t); len(left) > 0 {
			t.Errorf("left over: %v", left)
		}
		if err := os.RemoveAll(s.path); err != nil {
			t.Fatal(err)
		}
	}
	if failed < 4/stride || failed == tried {
		t.Errorf("%d of %d runs failed", failed, tried)
	}
}

// try runs once; the run may fail at any step.
func (s *lake) try(t testing.TB, rows ...*warehouse.Rows) (published bool, err error) {
	w, err := s.Open(t, nil).Begin(t.Context(), load.Owner{RunID: "run", Started: 1})
	if err != nil {
		return false, err
	}
	if err = w.Stage(t.Context(), &load.Batch{Window: 1, Feed: feed, Rows: rows}); err == nil {
		_, err = w.Publish(t.Context(), &load.Window{ID: 1, Feed: feed, RunID: "run", At: 5})
		published = err == nil
	}
	if err == nil {
		err = w.Finish(t.Context(), &warehouse.SyncRun{RunID: "run", Kind: "incremental", Status: "succeeded", StartedAt: 1})
	}
	return published, errors.Join(err, w.Close())
}

// wantStateError checks that err is a [load.StateError] with a hint.
func wantStateError(t testing.TB, err error, hint string) {
	t.Helper()
	var reported *load.StateError
	if !errors.As(err, &reported) || reported.What == "" || !strings.Contains(reported.Hint, hint) {
		t.Errorf("the error is %v, and does not say %q", err, hint)
	}
}

func TestReadOnlyFolder(t *testing.T) {
	switch os.Getenv(faultVariable) {
	case "a disk that is read-only":
		path := mountMemory(t, "size=4m")
		s := &lake{path: filepath.Join(path, "lake"), parsed: map[string]parsedFile{}}
		s.run(t, edition(1)...)
		if err := unix.Mount("", path, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
			t.Fatal(err)
		}
		readOnly(t, s)
	case "a folder of another user":
		s := newLake(t)
		s.run(t, edition(1)...)
		forbid(t, filepath.Dir(s.path))
		readOnly(t, s)
	default:
		t.Parallel()
		apart(t, "a disk that is read-only", true)
		apart(t, "a folder of another user", false)
	}
}

// forbid limits this process to reading below a folder.
func forbid(t *testing.T, folder string) {
	t.Helper()
	modes := func(dir, file os.FileMode) {
		err := filepath.WalkDir(folder, func(path string, e os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if e.IsDir() {
				return os.Chmod(path, dir)
			}
			return os.Chmod(path, file)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	modes(0o555, 0o444)
	t.Cleanup(func() { modes(0o755, 0o644) })
	if os.Getuid() != 0 {
		return
	}
	const nobody = 65534
	if err := syscall.Setresuid(-1, nobody, -1); err != nil { // root can write everywhere
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Setresuid(-1, 0, -1); err != nil {
			t.Error(err)
		}
	})
}

func readOnly(t *testing.T, s *lake) {
	const hint = "let the user of convsync write to the folder"
	l := s.Open(t, nil)
	wantStateError(t, l.Check(t.Context()), hint)
	_, err := l.Begin(t.Context(), load.Owner{RunID: "run-2"})
	wantStateError(t, err, hint)
	other, err := parquet.Open(parquet.Options{Path: s.path + "-other"})
	if err != nil {
		t.Fatal(err)
	}
	wantStateError(t, other.Check(t.Context()), hint)
	wantStateError(t, other.Prepare(t.Context()), hint)
	if n := editionOf(t, s.archived(t, feed)); n != 1 {
		t.Errorf("edition %d is read", n)
	}
	if sum := s.summary(t); sum.Conversations != 3 {
		t.Errorf("the summary is %+v", sum)
	}
	if keys, err := l.Keys(t.Context(), feed, never, ever); err != nil || len(keys) != 3 {
		t.Errorf("the keys are %+v (%v)", keys, err)
	}
}
