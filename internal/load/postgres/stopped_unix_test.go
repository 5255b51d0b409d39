//go:build unix

package postgres

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/pgtest"
	"convsync/internal/warehouse"
)

// stoppedChild is the first argument of a test binary that runs a writer to be
// stopped. The second is the URL of the database.
const stoppedChild = "postgres-stopped-writer"

func init() { children[stoppedChild] = writeWhenAsked }

// writeWhenAsked stages a conversation, and waits for a line of input before it
// commits. Then it tries everything that a writer can do, and prints the result
// of each, one per line.
func writeWhenAsked(database string) error {
	ctx := context.Background()
	told := bufio.NewScanner(os.Stdin)
	waits := true
	d, err := Open(ctx, Options{URL: fixed(database), LockWait: longWait, Step: func(name string) {
		if name == "commit: write conversations" && waits {
			waits = false
			fmt.Println("about to commit")
			told.Scan()
		}
	}})
	if err != nil {
		return err
	}
	defer d.Close()
	w, err := d.Begin(ctx, load.Owner{RunID: "run-1", Actor: "ada", Host: "host.example.com"})
	if err != nil {
		return err
	}
	stage := func(id string) error {
		r := loadtest.Conversation("p", id, loadtest.Noon)
		return w.Stage(ctx, &load.Batch{Window: 1, Feed: feed, Rows: []*warehouse.Rows{r}})
	}
	first, second := stage("c-1"), stage("c-2")
	_, publishErr := w.Publish(ctx, &load.Window{ID: 1, Feed: feed, Watermark: 1000000})
	for _, err := range []error{first, second, publishErr, w.Finish(ctx, runRow(load.Owner{RunID: "run-1"}))} {
		fmt.Println(outcome(err))
	}
	return nil
}

func outcome(err error) string {
	var state *load.StateError
	switch {
	case err == nil:
		return "done"
	case errors.Is(err, errTakenOver):
		return "taken over"
	case errors.As(err, &state) && state.Hint != "":
		return "trouble"
	}
	return err.Error()
}

func TestTakenOver_StoppedProcess(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	loadOne(t, d, loadtest.Conversation("p", "c-0", loadtest.Noon)) // creates the month
	child, said, tell := spawn(t, stoppedChild, database)
	if line := said(); line != "about to commit" {
		t.Fatalf("the child says %q", line)
	}
	if err := child.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	var locked *load.LockedError
	if _, err := withoutWaiting(t, d).Begin(t.Context(), load.Owner{RunID: "run-2"}); !errors.As(err, &locked) || locked.Owner.RunID != "run-1" {
		t.Errorf("while its sessions exist: %v", err)
	}
	// The server ends the sessions by itself later; this does it immediately.
	pgtest.Exec(t, database, `SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = current_database()
		AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory') OR state = 'idle in transaction' AND datname = current_database()`)
	fresh := begin(t, d, "run-2")
	if c := stageOne(t, fresh, loadtest.Conversation("p", "c-3", loadtest.Noon)); c.Inserted != 1 {
		t.Errorf("the one that took over: %+v", c)
	}
	before := subject{database, "polyai"}.Dump(t)

	if err := child.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	tell("continue")
	for i, want := range []string{"trouble", "taken over", "taken over", "taken over"} {
		if line := said(); line != want {
			t.Errorf("attempt %d: %q, want %q", i, line, want)
		}
	}
	after := subject{database, "polyai"}.Dump(t)
	if len(after.Conversations) != 2 || len(after.Changes) != len(before.Changes) || len(after.Watermarks) != 0 || len(after.Runs) != len(before.Runs) {
		t.Errorf("the process that was stopped has written: %+v", after)
	}
}

// spawn starts this test binary as a child. said reads its next line; tell
// writes one to it.
func spawn(t *testing.T, args ...string) (child *os.Process, said func() string, tell func(string)) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, args...)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	in, inErr := cmd.StdinPipe()
	out, outErr := cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if complaint.Len() > 0 {
			t.Errorf("the child: %s", complaint.String())
		}
	})
	lines := bufio.NewScanner(out)
	return cmd.Process, func() string { lines.Scan(); return lines.Text() }, func(line string) { io.WriteString(in, line+"\n") }
}
