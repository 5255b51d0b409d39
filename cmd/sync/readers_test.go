//go:build readers

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"convsync/internal/simulate"
)

// These tests read lakes with the engines that people use. `make readers` installs
// them into bin/readers.
const readersPython = "../../bin/readers/bin/python"

// denseEnough is a number of conversations in 20 days for which a day has a file of
// its own until it has settled.
const denseEnough = 25_000

var readers = []string{"duckdb", "polars", "pyarrow", "spark"}

// script returns the command of a script for readers, with the lake and a file with
// what it must contain.
func (l *readersLake) script(t *testing.T, name, reader string) *exec.Cmd {
	t.Helper()
	text, err := json.Marshal(l.expected())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "expected.json")
	writeFile(t, file, string(text))
	ctx := context.WithoutCancel(t.Context()) // watch ends it when the test ends
	return exec.CommandContext(ctx, readersPython, filepath.Join("../../scripts/readers", name), reader, l.path, file)
}

// TestReaders checks that each engine finds what the source has, with every
// deviation, in a lake with files of months and of days.
func TestReaders(t *testing.T) {
	t.Parallel()
	l := newReadersLake(t, time.Now().UTC(), simulate.AllDeviations(), 100, denseEnough)
	run(t, l.config, exitPartial) // some of it cannot be read, by design
	for _, reader := range readers {
		t.Run(reader, func(t *testing.T) {
			t.Parallel()
			if out, err := l.script(t, "check.py", reader).Output(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// TestReaders_WhileRunsWrite checks that no engine gets wrong counts while runs add
// days, replace files and divide months. It may get an exception.
func TestReaders_WhileRunsWrite(t *testing.T) {
	t.Parallel()
	const days, queries = 20, 15
	l := newReadersLake(t, time.Now().UTC(), simulate.Deviations{}, 60, denseEnough)
	l.runDays(t, 150, 150-days)
	outcomes := map[string]*watched{}
	for _, reader := range readers {
		outcomes[reader] = l.watch(t, reader)
	}
	runs := 0
	for enough := false; !enough && !t.Failed(); runs++ {
		l.change(t, runs)
		l.runDays(t, max(days-runs, 3), 2)
		enough = runs > days
		for _, w := range outcomes {
			enough = enough && w.right.Load() >= queries
		}
	}
	for reader, w := range outcomes {
		t.Logf("%s: %d queries were right and %d failed, during %d runs %v", reader, w.right.Load(), w.failed.Load(), runs, w.failure.Load())
	}
}

// watched counts the queries of a reader by their outcome.
type watched struct {
	right, failed atomic.Int64
	failure       atomic.Value // the last one
}

// watch lets a reader count the rows of a lake again and again until the test ends.
func (l *readersLake) watch(t *testing.T, reader string) *watched {
	t.Helper()
	cmd := l.script(t, "watch.py", reader)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w, done := &watched{}, make(chan struct{})
	go func() {
		defer close(done)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			switch outcome, _, _ := strings.Cut(lines.Text(), " "); outcome {
			case "right":
				w.right.Add(1)
			case "failed":
				w.failed.Add(1)
				w.failure.Store(lines.Text())
			default:
				t.Errorf("%s: %s", reader, lines.Text())
			}
		}
	}()
	t.Cleanup(func() {
		stdin.Close()
		<-done
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", reader, err)
		}
	})
	return w
}
