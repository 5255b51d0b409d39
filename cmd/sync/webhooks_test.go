package main

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"convsync/internal/simulate"
)

// managing is a configuration whose build host is simulated, and its folder.
func managing(t *testing.T, key string) (file, folder string) {
	t.Helper()
	simulator, err := simulate.New(simulate.Options{APIKey: "made-up-workspace-key", Projects: []simulate.Project{{
		AccountID: "acme-uk", ID: "acme-team-4", Environments: []simulate.Environment{{Name: "live"}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(simulator)
	t.Cleanup(server.Close)
	folder = t.TempDir()
	file = filepath.Join(folder, "convsync.yaml")
	writeFile(t, file, `
source: { base_url: "http://127.0.0.1:1", agents_base_url: "`+server.URL+`", account_id: acme-uk, api_key: a-made-up-key, workspace_api_key: `+key+`,
  projects: [{ id: acme-team-4 }, { id: elsewhere }] }
destination: { parquet: { path: ./lake } }
`)
	return file, folder
}

// endpoints are those that `webhooks list` shows.
func endpointIDs(t *testing.T, file string) (ids []string) {
	t.Helper()
	r := convsync(t, nil, "webhooks", "list", "--config", file, "--output", "json")
	var list struct {
		Endpoints []struct {
			ID, URL string
			Enabled bool
		}
	}
	if err := json.Unmarshal([]byte(r.stdout), &list); err != nil || r.code != exitOK || list.Endpoints == nil {
		t.Fatalf("%v, %+v", err, r)
	}
	for _, e := range list.Endpoints {
		if e.URL != "https://convsync.example.com/webhooks/polyai" || !e.Enabled {
			t.Errorf("%+v", e)
		}
		ids = append(ids, e.ID)
	}
	return ids
}

// ownSecret reads a secret, which only its owner may do.
func ownSecret(t *testing.T, name string) string {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o600 {
		t.Errorf("%s has the mode %v", name, mode)
	}
	return strings.TrimSpace(readFile(t, name))
}

func TestAnEndpointFromItsRegistrationToItsEnd(t *testing.T) {
	t.Parallel()
	file, folder := managing(t, "made-up-workspace-key")
	secretFile := filepath.Join(folder, "webhook-secret")
	webhooks := func(args ...string) result {
		return convsync(t, nil, append([]string{"webhooks", "--config", file}, args...)...)
	}
	webhooks("list").want(t, exitOK, "no endpoints are registered")
	register := []string{"register", "--url", "https://convsync.example.com/webhooks/polyai", "--secret-file", secretFile}
	r := webhooks(register...)
	r.want(t, exitOK, "registered whe_", "alerts.triggered, alerts.resolved", secretFile)
	first := ownSecret(t, secretFile)
	webhooks(register...).want(t, exitUsage, "use --force")
	ids := endpointIDs(t, file)
	if len(ids) != 1 {
		t.Fatalf("there are %v: a refused command left one", ids)
	}
	webhooks("list").want(t, exitOK, ids[0], "convsync", "true", "alerts.triggered alerts.resolved")
	rotated := webhooks("rotate", ids[0], "--secret-file", secretFile, "--force")
	rotated.want(t, exitOK, ids[0]+" has a new signing secret")
	second := ownSecret(t, secretFile)
	if first == "" || second == first || ownSecret(t, secretFile+".old") != first {
		t.Error("after the rotation there are not the new secret and the old one")
	}
	shown := webhooks("rotate", ids[0])
	if third := strings.TrimSpace(shown.stdout); shown.code != exitOK || len(strings.Fields(third)) != 1 || third == second || strings.Contains(shown.stderr, third) {
		t.Errorf("on stdout stands %q, on stderr %q", shown.stdout, shown.stderr)
	}
	for _, said := range []string{r.stdout + r.stderr, rotated.stdout + rotated.stderr} {
		if strings.Contains(said, first) || strings.Contains(said, second) {
			t.Errorf("a secret that has a file is shown: %s", said)
		}
	}
	webhooks("delete", ids[0]).want(t, exitUsage, "use --yes")
	webhooks("delete", ids[0], "--yes").want(t, exitOK, "deleted "+ids[0])
	if ids := endpointIDs(t, file); len(ids) != 0 {
		t.Errorf("there are %v", ids)
	}
	webhooks("delete", ids[0], "--yes").want(t, exitFailed, "DELETE", "404", "WEBHOOK_ENDPOINT_NOT_FOUND", "webhooks list")
	left, err := filepath.Glob(filepath.Join(folder, "webhook-secret*"))
	if err != nil || len(left) != 2 {
		t.Errorf("left are %v, %v", left, err)
	}
}

func TestWhatGoesWrongWithEndpointsIsSaid(t *testing.T) {
	t.Parallel()
	file, folder := managing(t, "made-up-workspace-key")
	refused, _ := managing(t, "another-made-up-key")
	nowhere := configure(t, "http://127.0.0.1:1", into(t.TempDir()))
	at := []string{"register", "--url", "https://convsync.example.com/webhooks/polyai"}
	for name, c := range map[string]struct {
		file string
		args []string
		code int
		said string
	}{
		"no build host":      {nowhere, []string{"list"}, exitUsage, "set its region, or agents_base_url"},
		"a wrong key":        {refused, []string{"list"}, exitFailed, "check workspace_api_key"},
		"plain http":         {file, []string{"register", "--url", "http://convsync.example.com/"}, exitUsage, "with https"},
		"an unknown event":   {file, append(at, "--event", "call.completed"), exitFailed, "VALIDATION_ERROR"},
		"an unknown id":      {file, []string{"rotate", "whe_none"}, exitFailed, "POST"},
		"no id":              {file, []string{"rotate", "42"}, exitFailed, "look like whe_"},
		"none of them":       {file, []string{"rotate"}, exitUsage, "needs the id of one endpoint"},
		"too much":           {file, []string{"list", "all"}, exitUsage, "takes no"},
		"no such command":    {file, []string{"create"}, exitUsage, "use list, register, rotate or delete"},
		"a folder for none":  {file, append(at, "--secret-file", filepath.Join(folder, "none", "secret")), exitUsage, "--secret-file cannot be written"},
		"an unknown project": {file, []string{"list", "--project", "none"}, exitUsage, "--project none is not configured"},
		"another output":     {file, []string{"list", "--output", "yaml"}, exitUsage, "use text, json"},
	} {
		r := convsync(t, nil, append([]string{"webhooks", "--config", c.file}, c.args...)...)
		if r.code != c.code || !strings.Contains(r.stderr, c.said) || r.stdout != "" {
			t.Errorf("%s: %+v, want %d and %q", name, r, c.code, c.said)
		}
	}
	if ids := endpointIDs(t, file); len(ids) != 0 {
		t.Errorf("there are %v", ids)
	}
	failed := convsync(t, nil, "webhooks", "--config", refused, "register", "--url", "https://convsync.example.com/", "--secret-file", filepath.Join(folder, "secret"))
	if left, _ := filepath.Glob(filepath.Join(folder, "secret*")); failed.code != exitFailed || len(left) != 0 || strings.Contains(failed.stderr, "another-made-up-key") {
		t.Errorf("%+v; left are %v", failed, left)
	}
}
