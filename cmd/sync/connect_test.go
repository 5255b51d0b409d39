//go:build readers

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"convsync/internal/load/pgtest"
	"convsync/internal/simulate"
)

var pythonBlock = regexp.MustCompile("(?s)\n```python\n(.*?)```")

// TestReaders_Connect runs the Python of docs/analysts/connect.md over a lake and, as an
// analyst, over a database. Each block prints a table.
func TestReaders_Connect(t *testing.T) {
	t.Parallel()
	_, server := past(t, 150, 3, simulate.Deviations{})
	folder, database := t.TempDir(), pgtest.URL(t)
	for _, destination := range []string{into(filepath.Join(folder, "convsync-data")), intoPostgres(database)} {
		run(t, configure(t, server.URL, destination), exitOK)
	}
	python, err := filepath.Abs(readersPython)
	if err != nil {
		t.Fatal(err)
	}
	blocks := pythonBlock.FindAllStringSubmatch(readFile(t, "../../docs/analysts/connect.md"), -1)
	if len(blocks) < 6 {
		t.Errorf("only %d blocks of Python found", len(blocks))
	}
	environment := append(os.Environ(), "DATABASE_URL="+analysts(t, database))
	for _, block := range blocks {
		cmd := exec.CommandContext(t.Context(), python, "-W", "error", "-")
		cmd.Dir, cmd.Env, cmd.Stdin = folder, environment, strings.NewReader(block[1])
		var stderr strings.Builder
		cmd.Stderr = &stderr
		if out, err := cmd.Output(); err != nil || strings.Count(string(out), "\n") < 5 {
			t.Errorf("%v\n%s\nprints\n%s%s", err, block[1], out, stderr.String())
		}
	}
}
