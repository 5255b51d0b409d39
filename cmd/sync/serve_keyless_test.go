package main

import (
	"bytes"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"convsync/internal/config"
	"convsync/internal/load/parquet"
	"convsync/internal/serve"
)

// A run of serve that can read no key is recorded, so that the page and status
// name the project and why, and the log begins with it.
func TestServeRunKeyless(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := filepath.Join(folder, "convsync.yaml")
	writeFile(t, file, "source: { region: uk, account_id: a, api_key_file: no-such-file, projects: [{ id: sales }] }\ndestination: { parquet: { path: lake } }\nschedules: { nightly: { cron: \"0 2 * * *\" } }\n")
	cfg, err := config.Load(config.Options{File: file, LookupEnv: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	lake, err := parquet.Open(parquet.Options{Path: filepath.Join(folder, "lake")})
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	s := &service{cfg: cfg, log: slog.New(slog.NewTextHandler(&text, nil)), metrics: serve.NewMetrics(), lifetime: newLifetime()}
	s.app = &app{log: s.log, stderr: &text}
	if s.server, err = serve.New(serve.Options{Destination: lake, Metrics: s.metrics}); err != nil {
		t.Fatal(err)
	}
	if err := s.run(t.Context(), &cfg.Schedules[0]); err == nil {
		t.Error("the run succeeded without a key")
	}
	if !strings.Contains(text.String(), "msg=\"project sales (live) is failing: ") {
		t.Errorf("the log does not begin with the project: %s", text.String())
	}
	r := convsync(t, nil, "status", "--config", file, "--exit-code")
	r.want(t, exitFailed, "Failing: sales (live) is failing: ", "no-such-file")
}
