package config_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

func TestNotifyKeys(t *testing.T) {
	t.Parallel()
	got, err := load(t, head+lake+`notify:
  webhook_url: "${HOOK}"
  command: cat
  heartbeat_url: http://127.0.0.1:9/made-up
serve: { user: ada, password: "${PASSWORD}", state_file: kept.json }
`, map[string]string{"HOOK": "https://hooks.example.com/made-up", "PASSWORD": "made-up"})
	if err != nil {
		t.Fatal(err)
	}
	n := &got.Notify
	if hook, _ := n.WebhookURL.Resolve(t.Context()); hook != "https://hooks.example.com/made-up" || n.Format != "slack" || n.Command != "cat" || n.IsZero() {
		t.Errorf("got %q, %+v", hook, n)
	}
	if name := filepath.Base(n.StateFile); name != "kept-notified.json" || filepath.Dir(n.StateFile) != filepath.Dir(got.Serve.StateFile) {
		t.Errorf("the state of notifications is stored in %s", n.StateFile)
	}
	if password, _ := got.Serve.Password.Resolve(t.Context()); got.Serve.User != "ada" || password != "made-up" {
		t.Errorf("got %+v", got.Serve)
	}
	if shown := fmt.Sprintf("%+v", got); strings.Contains(shown, "made-up") {
		t.Errorf("a secret is shown: %s", shown)
	}
	quiet, err := load(t, head+lake, nil)
	if err != nil || !quiet.Notify.IsZero() {
		t.Errorf("%v; notifications are off: %v", err, quiet.Notify.IsZero())
	}
}
