//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package parquet_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"convsync/internal/load"
)

// lakeVariable names the lake that the test in a process of its own is to hold.
const lakeVariable = "CONVSYNC_TEST_LAKE"

func TestAWriterHoldsTheLockForAsLongAsItLives(t *testing.T) {
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
		_, err = child.StdinPipe() // it waits for what is never said
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
