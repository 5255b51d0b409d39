package main

import (
	"bufio"
	"context"
	"encoding/json"
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
	url, _ = startSimulated(t, flags...)
	return url
}

// startSimulated also returns what the process prints when it is ready.
func startSimulated(t *testing.T, flags ...string) (url, printed string) {
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
	lines := bufio.NewScanner(stdout)
	for !strings.Contains(printed, "Ctrl-C") && lines.Scan() {
		printed += lines.Text() + "\n"
	}
	if url = regexp.MustCompile(`http://\S+`).FindString(printed); url == "" {
		t.Fatalf("it prints %q", printed)
	}
	return url, printed
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

// The commands that the simulator prints can be typed as they are.
func TestSimulate_NextCommands(t *testing.T) {
	t.Parallel()
	_, printed := startSimulated(t)
	commands := regexp.MustCompile(`convsync ((?:init|run)\b.*)`).FindAllStringSubmatch(printed, -1)
	key := regexp.MustCompile(`POLYAI_API_KEY=(\S+) convsync run`).FindStringSubmatch(printed)
	if len(commands) != 2 || key == nil {
		t.Fatalf("it prints %q", printed)
	}
	file := filepath.Join(t.TempDir(), "convsync.yaml")
	convsync(t, nil, append(strings.Fields(commands[0][1]), "--file", file)...).want(t, exitOK, file)
	env := map[string]string{"POLYAI_API_KEY": key[1]}
	convsync(t, env, append(strings.Fields(commands[1][1]), "--config", file, "--dry-run")...).want(t, exitOK)
}

func TestSimulate_HidesKey(t *testing.T) {
	t.Parallel()
	if _, printed := startSimulated(t, "--key", "another-key"); strings.Contains(printed, "another-key") {
		t.Errorf("it prints %q", printed)
	}
}
