//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package parquet_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"convsync/internal/load"
	"convsync/internal/load/parquet"
)

// lakeVariable names the lake that a test in a process of its own holds.
const lakeVariable = "CONVSYNC_TEST_LAKE"

func TestLock_HeldByProcess(t *testing.T) {
	if path := os.Getenv(lakeVariable); path != "" {
		hold(t, path)
		return
	}
	t.Parallel()
	s := newLake(t)
	s.run(t, edition(1)...)
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), program, "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), lakeVariable+"="+s.path)
	child.Stderr = os.Stderr
	said, err := child.StdoutPipe()
	if err == nil {
		_, err = child.StdinPipe() // the child waits for input that never comes
	}
	if err := errors.Join(err, child.Start()); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(said).ReadString('\n'); err != nil || line != "holding\n" {
		t.Fatalf("the writer says %q (%v)", line, err)
	}
	for _, signal := range []syscall.Signal{0, syscall.SIGSTOP} {
		if err := child.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		_, err := s.Impatient(t).Begin(t.Context(), load.Owner{})
		var locked *load.LockedError
		if !errors.As(err, &locked) || locked.Owner.RunID != "held" || locked.Owner.ProcessID != child.Process.Pid {
			t.Errorf("after signal %v the second writer gets %v", signal, err)
		}
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err == nil {
		t.Error("the killed writer succeeded")
	}
	w, err := s.Impatient(t).Begin(t.Context(), load.Owner{RunID: "run-2"})
	if err != nil {
		t.Fatalf("after the first was killed: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

// hold takes the lock and keeps it until the process is killed.
func hold(t *testing.T, path string) {
	s := &lake{path: path}
	if _, err := s.Open(t, nil).Begin(t.Context(), load.Owner{RunID: "held", ProcessID: os.Getpid()}); err != nil {
		t.Fatal(err)
	}
	fmt.Println("holding")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		t.Error(err)
	}
}

// A process is paused right before its journal, loses its lock file, and
// continues after another has committed.
func TestTakenOver_PausedProcess(t *testing.T) {
	if path := os.Getenv(lakeVariable); path != "" {
		publishPaused(t, path)
		return
	}
	t.Parallel()
	s := newLake(t)
	s.run(t, edition(1)...)
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), program, "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), lakeVariable+"="+s.path)
	child.Stderr = os.Stderr
	said, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	goOn, err := child.StdinPipe()
	if err := errors.Join(err, child.Start()); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(said)
	if line, err := lines.ReadString('\n'); err != nil || line != "before the journal\n" {
		t.Fatalf("the writer says %q (%v)", line, err)
	}
	if err := errors.Join(child.Process.Signal(syscall.SIGSTOP), os.Remove(filepath.Join(s.path, "_sync/lock"))); err != nil {
		t.Fatal(err)
	}
	if err := s.takeover(t, parquet.Options{LockWait: lockTimeout}, func(*parquet.Lake) {}); err != nil {
		t.Fatalf("the second writer: %v", err)
	}
	epoch, before := s.epoch(t), s.files(t)
	if err := errors.Join(child.Process.Signal(syscall.SIGCONT), goOn.Close()); err != nil {
		t.Fatal(err)
	}
	if line, err := lines.ReadString('\n'); err != nil || line != "taken over: true\n" {
		t.Errorf("the paused writer says %q (%v)", line, err)
	}
	if err := child.Wait(); err != nil {
		t.Error(err)
	}
	if s.epoch(t) != epoch {
		t.Errorf("the epoch went from %d to %d", epoch, s.epoch(t))
	}
	after := s.files(t)
	for name, is := range after {
		if was := before[name]; was == nil || !os.SameFile(was, is) {
			t.Errorf("%s was written by the writer that was taken over", name)
		}
	}
	if s.Dump(t).Conversations[[2]string{"p", "second"}] == nil {
		t.Error("the second writer's conversation is lost")
	}
}

// publishPaused publishes a window, and waits right before the journal until
// its input is closed.
func publishPaused(t *testing.T, path string) {
	s := &lake{path: path}
	paused := false
	w, err := s.Open(t, func(step string) {
		if paused && step == "journal" {
			fmt.Println("before the journal")
			if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
				t.Error(err)
			}
		}
	}).Begin(t.Context(), load.Owner{RunID: "paused", ProcessID: os.Getpid()})
	if err != nil {
		t.Fatal(err)
	}
	paused = true
	if err := w.Stage(t.Context(), &load.Batch{Window: 1, Feed: feed, Rows: edition(2)}); err != nil {
		t.Fatal(err)
	}
	_, err = w.Publish(t.Context(), &load.Window{ID: 1, Feed: feed, RunID: "paused", At: 5})
	var taken *load.TakenOverError
	fmt.Printf("taken over: %v\n", errors.As(err, &taken) && taken.Owner.RunID == "")
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}
