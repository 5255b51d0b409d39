package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"convsync/internal/config"
)

// check says of each what serve says, which starts by the same options.
func TestCheckServe(t *testing.T) {
	t.Parallel()
	const plans = "schedules: { nightly: { cron: \"0 2 * * *\" } }\n"
	for name, c := range map[string]struct{ keys, wrong string }{
		"local":          {keys: plans},
		"no schedule":    {keys: "serve: { token: short }\n"},
		"guarded":        {keys: plans + "serve: { listen: \"0.0.0.0:0\", token: made-up-token-5c0ffee5 }\n"},
		"short token":    {plans + "serve: { token: short }\n", "the token has 5 characters and needs at least 16"},
		"short password": {plans + "serve: { user: ada, password: short }\n", "the password has 5 characters and needs at least 12"},
		"token file":     {plans + "serve: { token_file: no-such-file }\n", "serve.token_file: open"},
		"unguarded":      {plans + "serve: { listen: \"0.0.0.0:0\" }\n", "can be reached from other machines"},
		"certificate":    {plans + "serve: { cert_file: no.pem, key_file: no.key }\n", "no.pem with the key"},
		"webhook secret": {plans + "serve: { webhooks: { secret_files: [no-such-file] } }\n", "serve.webhooks.secret_files[0]: open"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "convsync.yaml")
			writeFile(t, file, "source: { region: uk, account_id: a, api_key: made-up-key-5c0ffee5, projects: [{ id: p }] }\ndestination: { parquet: { path: lake } }\n"+c.keys)
			cfg, err := config.Load(config.Options{File: file, LookupEnv: func(string) (string, bool) { return "", false }})
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			list := &checklist{w: &out}
			checkServe(t.Context(), list, cfg)
			if list.misconfigured != (c.wrong != "") || !strings.Contains(out.String(), c.wrong) {
				t.Errorf("said %q, want %q", out.String(), c.wrong)
			}
			if name == "local" && !strings.HasPrefix(out.String(), "ok    serve") {
				t.Errorf("said %q of a configuration that can be served", out.String())
			}
			if name == "no schedule" && out.Len() > 0 {
				t.Errorf("said %q, without a schedule", out.String())
			}
		})
	}
	// The program goes through this part of the list as well.
	file := configure(t, newServer(t, 200), into(filepath.Join(t.TempDir(), "lake")))
	writeFile(t, file, readFile(t, file)+plans+"serve: { token: short }\n")
	convsync(t, nil, "check", "--config", file).want(t, exitUsage, "FAIL  serve ", "needs at least 16")
	if _, err := os.Stat(filepath.Join(filepath.Dir(file), "convsync-schedules.json")); err == nil {
		t.Error("check wrote the state of serve")
	}
}
