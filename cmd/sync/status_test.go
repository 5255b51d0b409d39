package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"convsync/internal/config"
)

// decoded is the JSON that a command printed; it must be one object alone.
func decoded(t *testing.T, r result) (out map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.stdout), &out); err != nil {
		t.Fatalf("%v: %s%s", err, r.stdout, r.stderr)
	}
	return out
}

// wantFirst holds that the first ten words of a line name a project and why.
func wantFirst(t *testing.T, line string, said ...string) {
	t.Helper()
	words := strings.Fields(line)
	first := strings.Join(words[:min(10, len(words))], " ")
	for _, s := range said {
		if !strings.Contains(first, s) {
			t.Errorf("the first ten words lack %q: %s", s, first)
		}
	}
}

// Of four projects three fail, each for a reason of its own.
func TestOutput_OneOfFour(t *testing.T) {
	t.Parallel()
	file := oneOfFour(t, fmt.Sprintf("parquet: { path: %q } }\nserve: { stale_after: 99999h", t.TempDir()))
	out := decoded(t, convsync(t, nil, "run", "--config", file, "--output", "json"))
	if out["verdict"] != "attention" || out["status"] != "partial" || out["error"] != nil {
		t.Errorf("the run is %v, %v, %v", out["verdict"], out["status"], out["error"])
	}
	codes := map[string]string{"keyless": "key_unavailable", "revoked": "key_refused", "mixed": "project_mismatch"}
	for _, p := range out["projects"].([]any) {
		p := p.(map[string]any)
		id, failure := p["project_id"].(string), p["error"]
		if id == "right" {
			if failure != nil || p["status"] != "succeeded" || p["conversations"].(map[string]any)["inserted"] != float64(fewConversations) || p["gaps"] == nil {
				t.Errorf("%s is %v", id, p)
			}
			continue
		}
		e, _ := failure.(map[string]any)
		if p["status"] != "failed" || e["code"] != codes[id] || e["message"] == "" || e["hint"] == "" {
			t.Errorf("%s is %v", id, p)
		}
	}

	r := convsync(t, nil, "status", "--config", file)
	r.want(t, exitOK, "(live): Failing", "failing since", " ago)", "docs/runbooks/ConvsyncRunsFail.md")
	wantFirst(t, strings.SplitN(r.stdout, "\n", 2)[0], "Failing: keyless (live) is failing: its key cannot be read.")
	convsync(t, nil, "status", "--config", file, "--exit-code").want(t, exitFailed)
	convsync(t, nil, "status", "--config", file, "--exit-code", "--project", "right").want(t, exitPartial, "Attention: The data is up to date, with 1 issue: Warning of the last run: the clock")
	out = decoded(t, convsync(t, nil, "status", "--config", file, "--output", "json", "--project", "revoked", "--exit-code"))
	feeds := out["projects"].([]any)
	if out["verdict"] != "failing" || len(feeds) != 1 || !strings.HasPrefix(feeds[0].(map[string]any)["error"].(string), "the source refused the key (401)") {
		t.Errorf("the status is %v", out)
	}

	r = convsync(t, nil, "check", "--config", file, "--output", "json")
	r.want(t, exitUsage)
	if out = decoded(t, r); out["verdict"] != "failing" || len(out["checks"].([]any)) < 5 {
		t.Errorf("check says %v", out)
	}
	from := standing.AddDate(0, 0, -20).Format(time.DateOnly)
	if out = decoded(t, convsync(t, nil, "verify", "--config", file, "--from", from, "--output", "json")); out["verdict"] != "attention" {
		t.Errorf("verify says %v", out["verdict"])
	}
	if out = decoded(t, convsync(t, nil, "verify", "--config", file, "--from", from, "--to", standing.Format(time.DateOnly), "--project", "right", "--output", "json")); out["verdict"] != "ok" {
		t.Errorf("verify of the right one says %v", out)
	}
	if out = decoded(t, convsync(t, nil, "replay", "--config", file, "--project", "right", "--output", "json")); out["verdict"] != "ok" || out["kind"] != "replay" {
		t.Errorf("replay says %v", out)
	}
}

// What cannot begin says why in the same form.
func TestOutput_NoResult(t *testing.T) {
	t.Parallel()
	away := filepath.Join(t.TempDir(), "away.yaml")
	writeFile(t, away, "source: { region: uk, account_id: acme-uk, api_key: any-key, projects: [{ id: p }] }\n"+
		"destination: { postgres: { url: \"postgres://ada@127.0.0.1:1/none\" } }\n")
	wrong := filepath.Join(t.TempDir(), "wrong.yaml")
	writeFile(t, wrong, "source: { regoin: uk }\n")
	for _, command := range []string{"run", "verify", "replay", "status", "check"} {
		for file, code := range map[string]string{away: "destination", wrong: "configuration"} {
			r := convsync(t, nil, command, "--config", file, "--output", "json")
			out := decoded(t, r)
			failure, _ := out["error"].(map[string]any)
			if command == "check" { // each check has its own
				checks := out["checks"].([]any)
				failure, _ = checks[len(checks)-1].(map[string]any)["error"].(map[string]any)
			}
			if r.code == exitOK || out["verdict"] != "failing" || failure["code"] != code || failure["hint"] == "" {
				t.Errorf("%s with %s ends with %d: %s", command, filepath.Base(file), r.code, r.stdout)
			}
		}
	}
}

// Status asks the source nothing, and needs no key.
func TestStatus_WithoutKey(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "convsync.yaml")
	writeFile(t, file, "source: { region: uk, account_id: acme-uk, api_key: \"${POLYAI_API_KEY}\", projects: [{ id: p }] }\ndestination: { parquet: { path: ./lake } }\n")
	convsync(t, nil, "status", "--config", file).want(t, exitOK, "Attention: First load, 0 % read.", "first load        0 % read")
	convsync(t, nil, "status", "--config", file, "--exit-code").want(t, exitPartial)
	convsync(t, nil, "run", "--config", file).want(t, exitUsage, "POLYAI_API_KEY")
}

func TestSecondRunAfter(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	nightly := config.Schedule{Name: "nightly", Cron: "0 2 * * *", TimeZone: "UTC"}
	often := config.Schedule{Name: "often", Cron: "*/5 * * * *", TimeZone: "UTC"}
	verification := config.Schedule{Name: "weekly", Cron: "* * * * *", TimeZone: "UTC", Kind: config.KindVerify}
	recordings := config.Schedule{Name: "recordings", Cron: "@every 10m", TimeZone: "UTC", Kind: config.KindAudio}
	if got := secondRunAfter(&config.Config{Schedules: []config.Schedule{nightly, verification, recordings}})(at); !got.Equal(time.Date(2026, 3, 6, 2, 0, 0, 0, time.UTC)) {
		t.Errorf("nightly: %s", got)
	}
	if got := secondRunAfter(&config.Config{Schedules: []config.Schedule{nightly, often}})(at); !got.Equal(at.Add(10 * time.Minute)) {
		t.Errorf("often: %s", got)
	}
	if secondRunAfter(&config.Config{Schedules: []config.Schedule{verification, recordings}}) != nil {
		t.Error("a verification or the work on recordings is expected to load")
	}
}
