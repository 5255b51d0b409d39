package config_test

import (
	"io/fs"
	"strings"
	"testing"
)

// secretWords are keys and passwords as they land in a wrong field.
var secretWords = []string{
	"sk_live_4eC39HqLyjWDarjtT1zdp7dc", "9f8e7d6c5b4a39281706f5e4d3c2b1a0", "hunter2", "Tr0ub4dor&3",
	"correcthorsebatterystaple", "ZXhhbXBsZS1rZXk=", "made-up-5e3c1a9b7d", "0a1b2c3d",
}

func TestSecretInWrongField(t *testing.T) {
	t.Parallel()
	in := func(old, field string) string { return strings.Replace(head, old, field, 1) + lake }
	fields := map[string]string{
		"region":      in("region: uk", `region: "%"`),
		"account":     in("account_id: acme-uk", `account_id: "% /"`),
		"version":     in("region: uk", "region: uk\n  api_version: \"%\""),
		"project":     in("acme-team-4", `"% /"`),
		"environment": head + "      environments: [\"%\"]\n" + lake,
		"zone":        head + "      time_zone: \"%\"\n" + lake,
		"start":       head + "      start: \"%\"\n" + lake,
		"number":      head + lake + "sync: {page_size: \"%\"}",
		"float":       head + lake + "sync: {max_requests_per_second: \"%\"}",
		"boolean":     head + lake + "sync: {adaptive: \"%\"}",
		"duration":    head + lake + "sync: {open_age_limit: \"%\"}",
		"cron":        head + lake + "schedules: {nightly: {cron: \"%\"}}",
		"projects":    head + lake + "schedules: {nightly: {cron: 0 0 * * *, projects: [\"%\"]}}",
		"listen":      head + lake + "serve: {listen: \"%\"}",
		"user":        head + lake + "serve: {user: \"ada:%\", password: p}",
		"format":      head + lake + "notify: {webhook_url_file: f, format: \"%\"}",
		"schema":      head + "destination: {postgres: {url: \"postgres://h/d\", schema: \"%!\"}}",
		"URL":         head + "destination: {postgres: {url: \"%\"}}",
		"default":     in("region: uk", `region: "${REGION:-%}"`),
		"key":         head + lake + "sync: {\"%\": 1}",
		"no space":    head + lake + "serve: {\"token:%\"}",
	}
	for name, text := range fields {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, secret := range secretWords {
				_, err := load(t, strings.ReplaceAll(text, "%", secret), nil)
				if err == nil && name == "URL" && strings.HasSuffix(secret, "=") {
					continue // it may be a list of words; connecting refuses it
				} else if err == nil {
					t.Errorf("%s is accepted", secret)
				} else if strings.Contains(err.Error(), secret) {
					t.Errorf("the error repeats it: %v", err)
				}
			}
		})
	}
}

func TestSecretInFileField(t *testing.T) {
	t.Parallel()
	file := func(text string) string {
		return strings.Replace(head, "api_key: made-up-key-4711", "api_key_file: \""+text+"\"", 1) + lake
	}
	for _, secret := range secretWords {
		for _, text := range []string{secret, "postgres://ada:" + secret + "@db/calls", "https://hooks.slack.com/services/" + secret, "/" + secret} {
			cfg, err := load(t, file(text), nil)
			if err != nil {
				t.Fatal(err)
			}
			_, err = cfg.Projects[0].APIKey.Resolve(t.Context())
			wantMessage(t, err, "source.api_key_file", "no such file", "expected a readable file")
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("the error repeats it: %v", err)
			}
		}
	}
	folder := t.TempDir()
	for _, path := range []string{"polyai-api-key", "secrets/team-4.txt", "/run/secrets/polyai_api_key", folder + "/9f8e7d6c5b4a", folder} {
		cfg, err := load(t, file(path), nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = cfg.Projects[0].APIKey.Resolve(t.Context())
		wantMessage(t, err, "source.api_key_file: ", path)
	}
}

func TestSecretAsVariableName(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{"sk_live_4eC39HqLyjWDarjtT1zdp7dc", "f8e7d6c5b4a39281706f5e4d3c2b1a0"} {
		_, err := load(t, strings.Replace(head, "made-up-key-4711", "${"+secret+"}", 1)+lake, nil)
		wantMessage(t, err, "needs a variable that is not set")
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error repeats it: %v", err)
		}
	}
	_, err := load(t, strings.Replace(head, "made-up-key-4711", "${TEAM_4_KEY}", 1)+lake, nil)
	wantMessage(t, err, "needs the variable TEAM_4_KEY")
}

func TestOwnHostNeedsOwnKey(t *testing.T) {
	t.Parallel()
	project := func(lines string) string { return head + "      " + lines + "\n" + lake }
	_, err := load(t, project("base_url: https://eu.example.com"), nil)
	wantMessage(t, err, "7:7: source.projects[0].base_url: is another host, and would receive the key of source; expected api_key")
	_, err = load(t, project("agents_base_url: https://eu.example.com"), nil)
	wantMessage(t, err, "7:7: source.projects[0].agents_base_url: is another host", "expected workspace_api_key")
	for _, keys := range []string{"api_key: mine", "workspace_api_key: mine"} {
		text := strings.Replace(project("agents_base_url: https://eu.example.com\n      "+keys), "  region: uk\n", "  region: uk\n  workspace_api_key: shared\n", 1)
		cfg, err := load(t, text, nil)
		if err != nil {
			t.Fatal(err)
		}
		if key, err := cfg.Projects[0].WorkspaceAPIKey.Resolve(t.Context()); key != "mine" || err != nil {
			t.Errorf("%s: the host gets %q, %v", keys, key, err)
		}
	}
	if _, err := load(t, project("base_url: https://eu.example.com\n      api_key_file: key"), nil); err != nil {
		t.Error(err)
	}
	same := strings.Replace(project("base_url: https://eu.example.com"), "  region: uk\n", "  base_url: https://eu.example.com\n", 1)
	if _, err := load(t, same, nil); err != nil {
		t.Errorf("the host of source: %v", err)
	}
}

func TestModeOfLake(t *testing.T) {
	t.Parallel()
	for keys, want := range map[string]fs.FileMode{"": 0o600, ", group: analysts": 0o640, `, mode: "0644"`: 0o644, `, mode: "660", group: "12"`: 0o660} {
		cfg, err := load(t, head+"destination: {parquet: {path: a"+keys+"}}", nil)
		if err != nil || cfg.Destination.Parquet.Mode != want {
			t.Errorf("%s: got %+v, %v, want %o", keys, cfg, err, want)
		}
	}
}
