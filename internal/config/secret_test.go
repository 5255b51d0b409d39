package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"convsync/internal/config"
)

func TestASecretIsNeverShown(t *testing.T) {
	t.Parallel()
	s := config.Literal(madeUpKey)
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "key", s, "in", struct{ K config.Secret }{s})
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "key", s, "in", struct{ K config.Secret }{s})
	asJSON, err := json.Marshal(map[string]any{"a": s, "b": &s})
	if err != nil {
		t.Fatal(err)
	}
	shown := log.String() + string(asJSON)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		shown += fmt.Sprintf(verb, s) + fmt.Sprintf(verb, &s) + fmt.Sprintf(verb, []any{struct{ K config.Secret }{s}})
	}
	if strings.Contains(shown, madeUpKey) || strings.Contains(shown, fmt.Sprintf("%x", madeUpKey)) {
		t.Errorf("shown: %s", shown)
	}
	if !strings.Contains(shown, "[redacted]") {
		t.Errorf("not marked as redacted: %s", shown)
	}
}

func TestSecretResolve_EachTime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	key := filepath.Join(dir, "key.txt")
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("byfile.yaml", strings.Replace(head, "api_key: made-up-key-4711", "api_key_file: key.txt", 1)+lake)
	write("bycommand.yaml", strings.Replace(head, "api_key: made-up-key-4711", "api_key_command: cat "+key, 1)+lake)
	for _, name := range []string{"byfile.yaml", "bycommand.yaml"} {
		cfg, err := config.Load(config.Options{File: filepath.Join(dir, name), LookupEnv: lookup(nil), Now: now})
		if err != nil {
			t.Fatal(err)
		}
		secret := cfg.Projects[0].APIKey
		for _, value := range []string{"made-up-1", "made-up-2"} {
			write("key.txt", value+"\n")
			if got, err := secret.Resolve(t.Context()); got != value || err != nil {
				t.Errorf("%s: got %q, %v, want %q", name, got, err, value)
			}
		}
		write("key.txt", " \n")
		_, err = secret.Resolve(t.Context())
		wantMessage(t, err, "source.api_key_", "is empty")
		write("key.txt", "made-up-1\nmade-up-2")
		_, err = secret.Resolve(t.Context())
		wantMessage(t, err, "more than one line")
	}
}

func TestAFailingCommandIsNamedButNotQuoted(t *testing.T) {
	t.Parallel()
	cfg, err := load(t, strings.Replace(head, "api_key: made-up-key-4711", "api_key_command: echo made-up-out; echo made-up-err >&2; exit 3", 1)+lake, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = cfg.Projects[0].APIKey.Resolve(t.Context())
	wantMessage(t, err, "source.api_key_command: the command failed: exit status 3", "run it by hand")
	if strings.Contains(err.Error(), "made-up") {
		t.Errorf("the error quotes the command: %v", err)
	}
}
