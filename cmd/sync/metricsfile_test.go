package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"convsync/internal/simulate"
)

// TestRunLeavesItsMetricsAlsoWhenItFails: a monitor of the file must detect a
// job that never starts.
func TestRunLeavesItsMetricsAlsoWhenItFails(t *testing.T) {
	t.Parallel()
	_, source := past(t, 200, 2, simulate.Deviations{})
	good := configure(t, source.URL, into(filepath.Join(t.TempDir(), "lake")))
	refused := configure(t, newServer(t, http.StatusUnauthorized), into(filepath.Join(t.TempDir(), "lake")))
	wrong := configure(t, source.URL, into(filepath.Join(t.TempDir(), "lake")))
	writeFile(t, wrong, readFile(t, wrong)+"colour: red\n")
	away := configure(t, source.URL, intoPostgres("postgres://ada@127.0.0.1:1/none"))
	for name, c := range map[string]struct {
		config string
		code   int
		want   []string
	}{
		"it succeeds": {good, exitOK, []string{
			`convsync_last_run_timestamp_seconds{kind="incremental",status="succeeded"} `, `convsync_last_run_conversations{kind="incremental",outcome="inserted"} 200`,
			`convsync_watermark_timestamp_seconds{environment="live",project="acme-team-4"} `, `convsync_last_run_responses{kind="incremental",status="200"} `,
		}},
		"the key is refused":   {refused, exitFailed, []string{`{kind="incremental",status="failed"} `, `convsync_last_run_responses{kind="incremental",status="401"} `}},
		"the file is wrong":    {wrong, exitUsage, []string{`{kind="incremental",status="failed"} `}},
		"the database is away": {away, exitFailed, []string{`{kind="incremental",status="failed"} `}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := inFolder(t, "convsync.prom")
			writeFile(t, path, "what was there before\n")
			convsync(t, nil, "run", "--config", c.config, "--metrics-file", path, "--log-level", "error").want(t, c.code)
			text := readFile(t, path)
			for _, want := range c.want {
				if !strings.Contains(text, want) {
					t.Errorf("the file lacks %s:\n%s", want, text)
				}
			}
			for _, line := range strings.Split(text, "\n") {
				if strings.HasPrefix(line, "convsync_last_run_timestamp_seconds") && !strings.Contains(line, "e+09") || line == "what was there before" {
					t.Errorf("no time of now: %s", line)
				}
			}
		})
	}
}

func TestAMetricsFileThatCannotBeWrittenIsSaid(t *testing.T) {
	t.Parallel()
	_, source := past(t, 20, 1, simulate.Deviations{})
	file := configure(t, source.URL, into(filepath.Join(t.TempDir(), "lake")))
	convsync(t, nil, "run", "--config", file, "--metrics-file", filepath.Join(t.TempDir(), "no", "such.prom")).
		want(t, exitPartial, "succeeded in", "--metrics-file", "no such file")
}

func TestADryRunLeavesNoMetrics(t *testing.T) {
	t.Parallel()
	_, source := past(t, 20, 1, simulate.Deviations{})
	path := inFolder(t, "convsync.prom")
	convsync(t, nil, "run", "--config", configure(t, source.URL, into(filepath.Join(t.TempDir(), "lake"))), "--dry-run", "--metrics-file", path).want(t, exitOK)
	if _, err := os.Stat(path); err == nil {
		t.Error("there is one")
	}
}
