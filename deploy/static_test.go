package deploy

import (
	"debug/elf"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"convsync/internal/load/pgtest"
)

// buildStatic makes the program as the image has it.
func buildStatic(t *testing.T) (path string) {
	t.Helper()
	folder := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "make", "-C", "..", "static", "BIN="+folder, "VERSION=v0.0-test").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return filepath.Join(folder, "convsync")
}

// wantStatic holds that a program needs no loader and no library.
func wantStatic(t *testing.T, path string) {
	t.Helper()
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("it is linked dynamically: %v", p.Type)
		}
	}
}

// TestTheStaticBuildDoesAllButSQL takes the program without cgo through what it
// is for, in an environment that has nothing else.
func TestTheStaticBuildDoesAllButSQL(t *testing.T) {
	t.Parallel()
	path := buildStatic(t)
	if runtime.GOOS == "linux" {
		wantStatic(t, path)
	}
	convsync := func(text string, args ...string) (string, error) {
		cmd := program(t, text, args...)
		cmd.Path, cmd.Args[0] = path, path
		cmd.Env = []string{"TZDIR=/nowhere", "PATH=/nowhere"}
		cmd.Dir = t.TempDir()
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	from := source(t)
	inPostgres := configuration(from, pgtest.URL(t))
	lake := filepath.Join(t.TempDir(), "lake")
	inLake := strings.Replace(inPostgres, inPostgres[strings.Index(inPostgres, "destination:"):strings.Index(inPostgres, "sync:")],
		"destination: { parquet: { path: \""+lake+"\" } }\n", 1)
	for _, text := range []string{inPostgres, inLake} {
		for _, step := range []struct{ command, says string }{
			{"version", "v0.0-test"}, {"check", "acme-team-4"}, {"run", "succeeded"}, {"status", "acme-team-4"}, {"verify", "acme-team-4"},
		} {
			if out, err := convsync(text, step.command); err != nil || !strings.Contains(out, step.says) {
				t.Errorf("%s: %v: %s", step.command, err, out)
			}
		}
	}
	if out, err := convsync("", "demo", "--conversations", "100", "--path", filepath.Join(t.TempDir(), "demo")); err == nil ||
		!strings.Contains(out, "has no embedded SQL") || !strings.Contains(out, "make build") {
		t.Errorf("demo says %v: %s", err, out)
	}
}
