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

// Leftovers is a subject that can list what no run needs, such as temporary
// files.
type Leftovers interface {
	Leftovers(t testing.TB) []string
}

// writerChild is the first argument of a test binary that runs as a writer.
const writerChild = "loadtest-writer"

// childWork is the work of a child, by its first argument.
var childWork = map[string]func(context.Context, load.Destination) error{
	writerChild:   func(ctx context.Context, dest load.Destination) error { return crashWork(ctx, dest, 2) },
	recorderChild: func(ctx context.Context, dest load.Destination) error { return recordWork(ctx, dest, printRecorded) },
}

// Main is the body of a loader's TestMain: it runs the tests or, as a child of
// [Crash], a writer on the destination that open opens by a [Subject]'s locator.
// It returns the exit code of the process.
func Main(m *testing.M, open func(locator string, step func(string)) (load.Destination, error)) int {
	if len(os.Args) != 5 || childWork[os.Args[1]] == nil {
		// The seed in the message is enough to repeat a random case.
		if err := flag.Set("rapid.nofailfile", "true"); err != nil {
			panic(err)
		}
		if Raced {
			if err := flag.Set("rapid.checks", "20"); err != nil { // unless the flag is set
				panic(err)
			}
		}
		return m.Run()
	}
	if err := writeAsChild(os.Args[2:], childWork[os.Args[1]], open); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// writeAsChild takes the locator, the step before which to kill itself, and
// [eventTime] as arguments.
func writeAsChild(args []string, work func(context.Context, load.Destination) error, open func(string, func(string)) (load.Destination, error)) error {
	last, lastErr := strconv.ParseInt(args[1], 10, 64)
	received, err := strconv.ParseInt(args[2], 10, 64)
	if err := errors.Join(lastErr, err); err != nil {
		return err
	}
	eventTime = warehouse.Timestamp(received)
	return writeUntil(args[0], last, work, open)
}

// writeUntil does the work of the crash test, kills itself before the step of
// that number, and prints each step that it takes.
func writeUntil(locator string, last int64, work func(context.Context, load.Destination) error, open func(string, func(string)) (load.Destination, error)) error {
	var steps atomic.Int64
	dest, err := open(locator, func(name string) {
		fmt.Println(name)
		if steps.Add(1) == last {
			killSelf()
		}
	})
	if err != nil {
		return err
	}
	return errors.Join(work(context.Background(), dest), dest.Close())
}

// killSelf kills the process with SIGKILL: nothing is closed, and no deferred
// function runs.
func killSelf() {
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err != nil {
		panic(err)
	}
	select {}
}

// racedKills is the number of steps for each kill when the race detector is on.
const racedKills = 8

// Crash kills a writing process before each of its steps. It checks that the next
// run finds each conversation complete, in the old or the new version, and ends
// with the same data as without the kill. The package's TestMain must call [Main].
func Crash(t *testing.T, fresh func(testing.TB) Subject) {
	t.Parallel()
	s := fresh(t)
	crashBase(t, s)
	steps, killed := spawn(t, s, 0)
	if killed || len(steps) == 0 {
		t.Fatalf("a writer that is not killed: killed = %v after %d steps", killed, len(steps))
	}
	crashedAndResumed(t, s)
	for i, name := range steps {
		if Raced && i%racedKills != 0 {
			continue
		}
		n, title := i+1, fmt.Sprintf("%d %s", i+1, strings.ReplaceAll(name, "/", " "))
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			killAndResume(t, fresh(t), n)
		})
		if i%4 != 0 || Raced && i%(2*racedKills) != 0 {
			continue
		}
		t.Run(title+", and again", func(t *testing.T) {
			t.Parallel()
			killTwice(t, fresh(t), n)
		})
		if _, ok := s.(ProjectLocks); ok {
			t.Run(title+", among others", func(t *testing.T) {
				t.Parallel()
				killAmongOthers(t, fresh(t), n)
			})
		}
	}
}

func killAndResume(t testing.TB, s Subject, n int) {
	base := crashBase(t, s)
	if _, killed := spawn(t, s, n); !killed {
		t.Logf("the writer ended before step %d", n)
	}
	crashed(t, begin(t, s, 3, "p"), base)
	crashedAndResumed(t, s)
}

// killTwice also kills a second writer, early, while it cleans up after the first.
func killTwice(t testing.TB, s Subject, n int) {
	crashBase(t, s)
	spawn(t, s, n)
	spawn(t, s, 1+n/4%7)
	crashedAndResumed(t, s)
}

// killAmongOthers kills a writer while one of another project works.
func killAmongOthers(t testing.TB, s Subject, n int) {
	crashBase(t, s)
	other := begin(t, s, 9, "other")
	counted(t, other.load(Conversation("other", "before", Noon)), 1, 0, 0)
	spawn(t, s, n)
	counted(t, other.load(Conversation("other", "before", Noon), Conversation("other", "after", Noon)), 1, 0, 1)
	begin(t, s, 3, "p").end() // records the killed run
	counted(t, other.load(Conversation("other", "last", Noon)), 1, 0, 0)
	other.end()
	d := dump(t, s)
	for _, id := range []string{"before", "after", "last"} {
		d.stored(t, Conversation("other", id, Noon))
	}
	recorded := map[string]int{}
	for _, r := range d.Runs {
		recorded[r.RunID]++
	}
	if recorded["run-0009"] != 1 || recorded["run-0003"] != 1 || recorded["run-0002"] > 1 {
		t.Errorf("the runs are recorded %v times", recorded)
	}
	dest := s.Open(t, nil)
	if err := errors.Join(crashWork(t.Context(), dest, 4), dest.Close()); err != nil {
		t.Fatalf("the run after the crash: %v", err)
	}
	d = dump(t, s)
	_, _, want := crashDays()
	for _, rows := range want {
		for _, r := range rows {
			d.stored(t, r)
		}
	}
	d.count(t, 3+2+len(want[0])+len(want[1])) // with the untouched and the missing one
}

// spawn runs a writer in a separate process, and returns the steps that it took
// and whether it was killed.
func spawn(t testing.TB, s Subject, last int) (steps []string, killed bool) {
	t.Helper()
	return spawnAs(t, s, writerChild, last)
}

func spawnAs(t testing.TB, s Subject, kind string, last int) (steps []string, killed bool) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out, stderr bytes.Buffer
	child := exec.CommandContext(t.Context(), program, kind, s.Locator(), strconv.Itoa(last), strconv.FormatInt(int64(eventTime), 10))
	child.Stdout, child.Stderr = &out, &stderr
	err = child.Run()
	steps = strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if err == nil {
		return steps, false
	}
	if stderr.Len() > 0 || child.ProcessState == nil {
		t.Fatalf("the writing process: %v\n%s", err, stderr.String())
	}
	return steps, true
}
