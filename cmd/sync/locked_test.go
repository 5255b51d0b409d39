package main

import (
	"strings"
	"sync"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/load/parquet"
	"convsync/internal/warehouse"
)

// TestLocked_EachCommand starts them while another one
// holds the lake, longer than any of them waits.
func TestLocked_EachCommand(t *testing.T) {
	t.Parallel()
	lake := inFolder(t, "lake")
	beganIn(t, lake)
	const held = "is being written by run run-1 of ada on far"
	file := configure(t, "http://127.0.0.1:1", into(lake))
	var together sync.WaitGroup // each waits for the lock as long as the others
	for line, c := range map[string]struct {
		code      int
		says, not string
	}{
		"run":                    {exitLocked, "wait until it ends, or start with --when-locked wait\n", "skipped"},
		"run --when-locked skip": {exitOK, "skipped: the lake " + lake, "wait"},
		"replay":                 {exitLocked, "wait until it ends\n", "--when-locked"},
	} {
		together.Go(func() {
			r := convsync(t, nil, append(strings.Fields(line), "--config", file, "--log-level", "error")...)
			r.want(t, c.code, held, c.says)
			if strings.Contains(r.stderr, c.not) {
				t.Errorf("%s says %q: %s", line, c.not, r.stderr)
			}
		})
	}
	together.Wait()
}

// beganIn has another run write to a lake until the test ends.
func beganIn(t *testing.T, lake string) {
	t.Helper()
	destination, err := parquet.Open(parquet.Options{Path: lake})
	if err == nil {
		err = destination.Prepare(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	w, err := destination.Begin(t.Context(), load.Owner{RunID: "run-1", Actor: "ada", Host: "far", Started: warehouse.TimestampOf(time.Now())})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
}
