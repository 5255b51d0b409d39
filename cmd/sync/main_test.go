package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"convsync/internal/config"
	"convsync/internal/load"
)

// result is the output of a command, and its exit code.
type result struct {
	code           int
	stdout, stderr string
}

// convsync runs a command line as a process would, with env as its environment.
func convsync(t testing.TB, env map[string]string, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	code := Main(t.Context(), args, strings.NewReader(""), &stdout, &stderr, lookup)
	return result{code, stdout.String(), stderr.String()}
}

// want holds that a command line ended with a code and said some things.
func (r result) want(t *testing.T, code int, said ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d\nstdout: %s\nstderr: %s", r.code, code, r.stdout, r.stderr)
	}
	for _, s := range said {
		if !strings.Contains(r.stdout+r.stderr, s) {
			t.Errorf("nothing said of %q\nstdout: %s\nstderr: %s", s, r.stdout, r.stderr)
		}
	}
}

func TestEachKindOfErrorHasItsExitCode(t *testing.T) {
	t.Parallel()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name string
		ctx  context.Context
		err  error
		want int
	}{
		{"none", t.Context(), nil, 0},
		{"any", t.Context(), errors.New("x"), 1},
		{"usage", t.Context(), fmt.Errorf("x: %w", usageError(io.EOF)), 2},
		{"configuration", t.Context(), errors.Join(&config.Problem{}, &config.Problem{}), 2},
		{"configuration of the destination", t.Context(), &load.StateError{Misconfigured: true}, 2},
		{"partial", t.Context(), codedError(exitPartial, io.EOF), 3},
		{"lock lost", t.Context(), &load.StateError{Err: load.ErrLockLost}, 4},
		{"locked", t.Context(), fmt.Errorf("x: %w", &load.LockedError{}), 4},
		{"interrupted", cancelled, fmt.Errorf("x: %w", context.Canceled), 130},
		{"interrupted, seen as another error", cancelled, errors.New("connection closed"), 130},
		{"interrupted after the work was done", cancelled, nil, 0},
	} {
		if got := exitCode(c.ctx, c.err); got != c.want {
			t.Errorf("%s: exit code %d, want %d", c.name, got, c.want)
		}
	}
}

func TestWrongUsageIsRefusedWithAHint(t *testing.T) {
	t.Parallel()
	for line, said := range map[string]string{
		"rum":                         `unknown command "rum"; did you mean run?`,
		"run --frm 2026-01-01":        "unknown flag: --frm",
		"version extra":               "unknown command",
		"version --output yaml":       "use text or json",
		"version --log-level loud":    `--log-level "loud" is not known: use debug, info, warn or error`,
		"version --log-format yaml":   `--log-format "yaml" is not known: use text or json`,
		"init --destination mysql":    "use parquet, postgres",
		"run --config none/such.yaml": "none/such.yaml: cannot be read",
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			r := convsync(t, nil, strings.Fields(line)...)
			r.want(t, exitUsage, said)
			if help := strings.Contains(r.stderr, "\nsee: convsync"); help != !strings.HasSuffix(line, ".yaml") {
				t.Errorf("sends to the help: %t: %s", help, r.stderr)
			}
			if r.stdout != "" {
				t.Errorf("an error went to stdout: %s", r.stdout)
			}
		})
	}
}

func TestEveryCommandExplainsItselfWithExamples(t *testing.T) {
	t.Parallel()
	root := newRootCommand(&app{})
	var check func(cmd *cobra.Command)
	check = func(cmd *cobra.Command) {
		if cmd.Short == "" || !strings.Contains(cmd.Example, "convsync") {
			t.Errorf("%s lacks a short description or examples", cmd.CommandPath())
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s --%s is not explained", cmd.CommandPath(), f.Name)
			}
		})
		for _, sub := range cmd.Commands() {
			check(sub)
		}
	}
	check(root)
	if len(root.Commands()) < 5 {
		t.Errorf("only %d commands", len(root.Commands()))
	}
	convsync(t, nil).want(t, exitOK, "Available Commands", "init")
	convsync(t, nil, "completion", "bash").want(t, exitOK, "__start_convsync")
}

func TestVersionSaysWhatItWasBuiltWith(t *testing.T) {
	t.Parallel()
	r := convsync(t, nil, "version", "--output", "json")
	r.want(t, exitOK)
	var info versionInfo
	if err := json.Unmarshal([]byte(r.stdout), &info); err != nil || info.Version == "" || !strings.HasPrefix(info.GoVersion, "go1.") {
		t.Errorf("version = %s, %v", r.stdout, err)
	}
	convsync(t, nil, "--version").want(t, exitOK, "convsync "+info.Version)
}

func TestTheLogIsJSONUnlessAPersonReadsIt(t *testing.T) {
	t.Parallel()
	for format, begins := range map[string]string{"": "{", "json": "{", "text": "time="} {
		var stderr bytes.Buffer
		app := &app{stderr: &stderr, logLevel: "warn", logFormat: format}
		if err := app.startLog(); err != nil {
			t.Fatal(err)
		}
		app.log.Info("below the level")
		app.log.Warn("above")
		if got := stderr.String(); !strings.HasPrefix(got, begins) || strings.Count(got, "\n") != 1 {
			t.Errorf("format %q logs %s", format, got)
		}
	}
}

func TestForPeople(t *testing.T) {
	t.Parallel()
	var said strings.Builder
	log := slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{ReplaceAttr: forPeople}))
	log.With("run_id", "01a2225b-57ed-77ac-97e7-186f7dae953d").Info("hello", "project", "sales")
	if !regexp.MustCompile(`^time=\d\d:\d\d:\d\d level=INFO msg=hello project=sales\n$`).MatchString(said.String()) {
		t.Errorf("%q", said.String())
	}
}

// inFolder is a file of a fresh folder.
func inFolder(t *testing.T, name string) string {
	t.Helper()
	return filepath.Join(t.TempDir(), name)
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
