package loadtest

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// Leftovers is a subject that can tell what lies about that no run needs, such
// as temporary files.
type Leftovers interface {
	Leftovers(t testing.TB) []string
}

// writerChild is the first argument of a test binary that is to be a writer.
const writerChild = "loadtest-writer"

// Main is the body of a loader's TestMain: it runs the tests or, as a child of
// [Crash], a writer on the destination that open opens by a [Subject]'s locator.
// The result is the process's exit code.
func Main(m *testing.M, open func(locator string, step func(string)) (load.Destination, error)) int {
	if len(os.Args) != 5 || os.Args[1] != writerChild {
		// The seed in the message is enough to repeat a random case.
		if err := flag.Set("rapid.nofailfile", "true"); err != nil {
			panic(err)
		}
		if Raced {
			if err := flag.Set("rapid.checks", "20"); err != nil { // unless said otherwise
				panic(err)
			}
		}
		return m.Run()
	}
	if err := writeAsChild(os.Args[2:], open); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// writeAsChild is given the locator, the step before which to die, and [lately].
func writeAsChild(args []string, open func(string, func(string)) (load.Destination, error)) error {
	last, lastErr := strconv.ParseInt(args[1], 10, 64)
	received, err := strconv.ParseInt(args[2], 10, 64)
	if err := errors.Join(lastErr, err); err != nil {
		return err
	}
	lately = warehouse.Timestamp(received)
	return writeUntil(args[0], last, open)
}

// writeUntil does the work of the crash test, kills itself before the step of
// that number, and prints each step that it takes.
func writeUntil(locator string, last int64, open func(string, func(string)) (load.Destination, error)) error {
	var steps atomic.Int64
	dest, err := open(locator, func(name string) {
		fmt.Println(name)
		if steps.Add(1) == last {
			dieAtOnce()
		}
	})
	if err != nil {
		return err
	}
	return errors.Join(crashWork(context.Background(), dest, 2), dest.Close())
}

// dieAtOnce ends the process as SIGKILL does: nothing is closed, nothing deferred.
func dieAtOnce() {
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err != nil {
		panic(err)
	}
	select {}
}

// racedKills is how many steps there are to a kill when the race detector is on.
const racedKills = 8

// Crash kills a writing process before each of its steps, and wants the next
// run to find every conversation whole, old or new, and to end as if nothing
// had happened. The package's TestMain must call [Main].
func Crash(t *testing.T, fresh func(testing.TB) Subject) {
	t.Parallel()
	s := fresh(t)
	crashBase(t, s)
	steps, killed := spawn(t, s, 0)
	if killed || len(steps) == 0 {
		t.Fatalf("a writer that nobody kills: killed = %v after %d steps", killed, len(steps))
	}
	crashedAndDone(t, s)
	for i, name := range steps {
		if Raced && i%racedKills != 0 {
			continue
		}
		n, title := i+1, fmt.Sprintf("%d %s", i+1, strings.ReplaceAll(name, "/", " "))
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			killAndGoOn(t, fresh(t), n)
		})
		if i%4 != 0 || Raced && i%(2*racedKills) != 0 {
			continue
		}
		t.Run(title+", and again", func(t *testing.T) {
			t.Parallel()
			killTwice(t, fresh(t), n)
		})
	}
}

func killAndGoOn(t testing.TB, s Subject, n int) {
	base := crashBase(t, s)
	if _, killed := spawn(t, s, n); !killed {
		t.Logf("the writer ended before step %d", n)
	}
	crashed(t, begin(t, s, 3, "p"), base)
	crashedAndDone(t, s)
}

// killTwice kills a second writer too, early, where it clears up after the first.
func killTwice(t testing.TB, s Subject, n int) {
	crashBase(t, s)
	spawn(t, s, n)
	spawn(t, s, 1+n/4%7)
	crashedAndDone(t, s)
}

// spawn runs a writer in a process of its own, and tells the steps that it
// took and whether it was killed.
func spawn(t testing.TB, s Subject, last int) (steps []string, killed bool) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out, complaint bytes.Buffer
	child := exec.CommandContext(t.Context(), program, writerChild, s.Locator(), strconv.Itoa(last), strconv.FormatInt(int64(lately), 10))
	child.Stdout, child.Stderr = &out, &complaint
	err = child.Run()
	steps = strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if err == nil {
		return steps, false
	}
	if complaint.Len() > 0 || child.ProcessState == nil {
		t.Fatalf("the writing process: %v\n%s", err, complaint.String())
	}
	return steps, true
}
