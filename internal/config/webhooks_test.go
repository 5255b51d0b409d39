package config_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"convsync/internal/config"
)

func TestAllSecretsOfWebhooksAreTaken(t *testing.T) {
	t.Parallel()
	none, err := load(t, head+lake, nil)
	if err != nil || none.Serve.WebhookSecrets != nil {
		t.Fatalf("unless set there are %v, %v", none.Serve.WebhookSecrets, err)
	}
	folder := t.TempDir()
	file := filepath.Join(folder, "convsync.yaml")
	text := head + lake + "serve:\n  webhooks:\n    secrets: [\"${ONE}\"]\n    secret_files: [two, none]\n    secret_commands: [echo three]\n"
	for name, content := range map[string]string{file: text, filepath.Join(folder, "two"): "two\n"} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := config.Load(config.Options{File: file, LookupEnv: lookup(map[string]string{"ONE": "one"}), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range cfg.Serve.WebhookSecrets {
		value, err := s.Resolve(t.Context())
		if err != nil {
			value = err.Error()
		}
		got = append(got, value)
	}
	if len(got) != 4 || !slices.Equal([]string{got[0], got[1], got[3]}, []string{"one", "two", "three"}) ||
		!strings.HasPrefix(got[2], "serve.webhooks.secret_files[1]: ") {
		t.Errorf("they are %q", got)
	}
}
