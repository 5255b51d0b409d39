package config_test

import (
	"slices"
	"strings"
	"testing"

	"convsync/internal/config"
)

//nolint:paralleltest // it sets variables of the process
func TestCommandEnvironment(t *testing.T) {
	for name, value := range map[string]string{
		"POLYAI_API_KEY": "made-up-key-4711", "DATABASE_URL": "postgres://u:made-up@h/d", "CONVSYNC_TOKEN": "made-up-token",
		"PGPASSWORD": "made-up", "VAULT_TOKEN": "made-up-vault", "MY_TOKEN": "made-up-named", "MY_TOKEN_2": "made-up-2", "TZ": "UTC", "LC_ALL": "C",
	} {
		t.Setenv(name, value)
	}
	names := func(env []string) (names []string) {
		for _, entry := range env {
			name, _, _ := strings.Cut(entry, "=")
			names = append(names, name)
		}
		return names
	}
	passed := names(config.CommandEnvironment(`curl -H "Bearer ${MY_TOKEN}" https://example.com`))
	for _, want := range []string{"PATH", "TZ", "LC_ALL", "MY_TOKEN"} {
		if !slices.Contains(passed, want) {
			t.Errorf("%s is missing in %q", want, passed)
		}
	}
	for _, secret := range []string{"POLYAI_API_KEY", "DATABASE_URL", "CONVSYNC_TOKEN", "PGPASSWORD", "VAULT_TOKEN", "MY_TOKEN_2"} {
		if slices.Contains(passed, secret) {
			t.Errorf("%s is passed", secret)
		}
	}

	// The command of a secret: what it sees is its output.
	cfg, err := load(t, strings.Replace(head, "api_key: made-up-key-4711",
		`api_key_command: 'echo "key=$${POLYAI_KEY_2:-none} $$(env | grep -c made-up) $$VAULT_ADDR"'`, 1)+lake, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("VAULT_ADDR", "https://vault.example.com")
	got, err := cfg.Projects[0].APIKey.Resolve(t.Context())
	if want := "key=none 1 https://vault.example.com"; got != want || err != nil { // the one is VAULT_TOKEN
		t.Errorf("the command sees %q, %v, want %q", got, err, want)
	}
}
