package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"convsync/internal/load/pgtest"
)

// startSimulate starts `convsync simulate` as a process and returns its address.
func startSimulate(t *testing.T, flags ...string) (url string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	cmd := command(ctx, append([]string{"simulate", "--listen", "127.0.0.1:0"}, flags...)...)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`http://\S+`).FindString(line)
}

// TestTheReadmesFiveMinutes types what the README says, against the simulator.
func TestTheReadmesFiveMinutes(t *testing.T) {
	t.Parallel()
	url := startSimulate(t, "--conversations", "500")
	env := map[string]string{"POLYAI_API_KEY": "made-up-key-5c0ffee5", "DATABASE_URL": pgtest.URL(t)}
	for _, destination := range []string{"parquet", "postgres"} {
		t.Run(destination, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "convsync.yaml")
			convsync(t, env, "init", "--file", file, "--base-url", url, "--account", "acme-uk", "--project", "acme-team-4",
				"--destination", destination).want(t, exitOK, "wrote "+file, "convsync check")
			convsync(t, env, "check", "--config", file).want(t, exitOK,
				"ok    config", "key and project are accepted", "ok    destination", "the lookback costs about")
			convsync(t, env, "run", "--config", file, "--dry-run").want(t, exitOK, "1 time range")
			convsync(t, env, "run", "--config", file).want(t, exitOK, "succeeded in", " new", "complete until")
			again := convsync(t, env, "run", "--config", file, "--output", "json")
			var s, all summary
			if err := json.Unmarshal([]byte(again.stdout), &s); err != nil || again.code != exitOK || s.Conversations.Read > 50 || s.Conversations.Inserted > 5 {
				t.Errorf("the second run read too much: %+v, %v", s, again)
			}
			convsync(t, env, "status", "--config", file).want(t, exitOK, "acme-team-4 (live)", "last runs", "succeeded")
			whole := convsync(t, env, "run", "--config", file, "--from", "2026-01-01", "--output", "json")
			if err := json.Unmarshal([]byte(whole.stdout), &all); err != nil || whole.code != exitOK || all.Conversations.Read < 400 || all.Conversations.Inserted > 5 {
				t.Errorf("reading all again: %+v, %v", all, whole)
			}
		})
	}
}

func TestSimulateSaysWhatToTypeNext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout strings.Builder
	Main(ctx, []string{"simulate", "--listen", "127.0.0.1:0", "--key", "made-up"}, strings.NewReader(""), &stdout, io.Discard, os.LookupEnv)
	for _, want := range []string{"convsync init --base-url http://127.0.0.1:", "--account acme-uk --project acme-team-4", "POLYAI_API_KEY=... convsync run"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("%s\ndoes not say %q", stdout.String(), want)
		}
	}
}
