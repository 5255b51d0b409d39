package store

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// mountVariable is set in the process of its own in which a test mounts a disk.
const mountVariable = "CONVSYNC_TEST_MOUNT"

// noMounts is the output of such a process if it may not mount.
const noMounts = "mounting is not permitted here"

// TestStore_RealDisk fills a file system of 1 MB, and makes it read-only.
func TestStore_RealDisk(t *testing.T) {
	if os.Getenv(mountVariable) != "" {
		realDisk(t, mountMemory(t))
		return
	}
	t.Parallel()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	child := exec.CommandContext(t.Context(), program, "-test.v", "-test.run=^TestStore_RealDisk$")
	child.Env, child.Stdout, child.Stderr = append(os.Environ(), mountVariable+"=1"), &out, &out
	child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 {
		child.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		child.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		child.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	err = child.Run()
	switch {
	case child.ProcessState == nil || strings.Contains(out.String(), noMounts):
		t.Logf("%s (%v)", noMounts, err)
	case err != nil || !strings.Contains(out.String(), "--- PASS"):
		t.Errorf("%v\n%s", err, out.String())
	}
}

// mountMemory mounts a file system in memory for this process only.
func mountMemory(t *testing.T) (path string) {
	t.Helper()
	path = t.TempDir()
	err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	if err == nil {
		err = unix.Mount("tmpfs", path, "tmpfs", 0, "size=1m")
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

func realDisk(t *testing.T, root string) {
	s := open(t, root, nil)
	f := claim(t, s)
	small, large := recording(400_000, 1), recording(900_000, 2)
	write(t, f, "CA01", small)
	wantUnavailable := func(err error, is syscall.Errno) {
		t.Helper()
		var unavailable *UnavailableError
		if !errors.As(err, &unavailable) || !errors.Is(err, is) || unavailable.FreeBytes < 0 || unavailable.FreeBytes > 1<<20 {
			t.Errorf("got %v, want %v", err, is)
		}
	}
	for range 2 {
		_, err := f.Write(t.Context(), named("CA02"), source(large))
		wantUnavailable(err, syscall.ENOSPC)
		wantFiles(t, root, map[string][]byte{"2026/11/04/CA01.combined.redacted.wav": small})
	}
	write(t, f, "CA03", small) // there is still room for less

	if err := unix.Mount("", root, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err == nil || !errors.Is(err, syscall.EBUSY) {
		t.Errorf("got %v, want that the lock file is open", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("", root, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	s = open(t, root, nil) // an export reads it
	if sum, _, err := s.Sum(t.Context(), URI("made-up", named("CA01"))); err != nil || sum != hashOf(small) {
		t.Errorf("got %s, %v", sum, err)
	}
	_, err := s.Claim("made-up")
	wantUnavailable(err, syscall.EROFS)
	_, err = Open(Options{Path: filepath.Join(root, "other")})
	wantUnavailable(err, syscall.EROFS)
}
