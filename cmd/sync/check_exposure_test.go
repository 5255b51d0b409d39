//go:build unix

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"convsync/internal/config"
)

func TestCheckExposure(t *testing.T) {
	t.Parallel()
	folder, err := os.MkdirTemp("", "convsync-exposed-") //nolint:usetesting // t.TempDir may be closed to others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	key, lake := filepath.Join(folder, "key.txt"), filepath.Join(folder, "lake")
	writeFile(t, key, "made-up-key-5c0ffee5\n")
	if err := os.Mkdir(lake, 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(lake, "part-0.parquet"), "")
	for _, open := range []string{folder, lake, key, filepath.Join(lake, "part-0.parquet")} {
		if err := os.Chmod(open, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(folder, "convsync.yaml")
	writeFile(t, file, "source: { region: uk, account_id: a, api_key_file: key.txt, projects: [{ id: p }] }\ndestination: { parquet: { path: lake } }\n")
	cfg, err := config.Load(config.Options{File: file, LookupEnv: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	notes := func() string {
		destination, err := openDestination(t.Context(), cfg, 0)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		checkExposure(&checklist{w: &out}, cfg, destination)
		return out.String()
	}
	closedAbove := !reachable(filepath.Dir(folder)) // by who runs the tests
	if got := notes(); closedAbove != (got == "") || !closedAbove && (strings.Count(got, "note ") != 2 || !strings.Contains(got, "part-0.parquet: remove their access") || !strings.Contains(got, "chmod o-rwx "+key)) {
		t.Errorf("open to others: %s", got)
	}
	if err := os.Chmod(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if got := notes(); got != "" {
		t.Errorf("in a closed folder: %s", got)
	}
}
