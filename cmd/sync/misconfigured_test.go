package main

import (
	"encoding/json"
	"path/filepath"
	"testing"
)

// What is wrong in the destination's keys is found before any request.
func TestMisconfiguredDestination(t *testing.T) {
	t.Parallel()
	for name, destination := range map[string]string{
		"URL":     "{ postgres: { url: \"postgres://u:made-up@127.0.0.1:no/x\" } }",
		"sslmode": "{ postgres: { url: \"postgres://u:made-up@127.0.0.1/x?sslmode=on\" } }",
		"group":   "{ parquet: { path: lake, group: no-such-group } }",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "convsync.yaml")
			writeFile(t, file, "source: { base_url: \""+newServer(t, 200)+"\", account_id: a, api_key: made-up-key-5c0ffee5, projects: [{ id: p }] }\ndestination: "+destination+"\n")
			for _, command := range []string{"check", "run", "status", "verify", "replay"} {
				r := convsync(t, nil, command, "--config", file, "--output", "json")
				r.want(t, exitUsage)
				var printed struct {
					Verdict string
					Error   *struct{ Code, Hint string }
					Checks  []struct {
						Error *struct{ Code, Hint string }
					}
				}
				if err := json.Unmarshal([]byte(r.stdout), &printed); err != nil {
					t.Fatalf("%s: %v: %s", command, err, r.stdout)
				}
				for _, c := range printed.Checks {
					if c.Error != nil {
						printed.Error = c.Error
					}
				}
				if e := printed.Error; printed.Verdict != "failing" || e == nil || e.Code != codeConfiguration || e.Hint == "" {
					t.Errorf("%s: %s", command, r.stdout)
				}
			}
		})
	}
}
