package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"convsync/internal/simulate"
)

// fewConversations is the number of conversations of each project below.
const fewConversations = 50

// oneOfFour writes the configuration of a project that is right, behind three
// that are not: without a key, with a key that is refused, and of another
// account than the destination remembers.
func oneOfFour(t *testing.T, destination string) (file string) {
	t.Helper()
	from := standing.AddDate(0, 0, -20)
	options := simulate.Options{APIKey: "the-right-key", Now: func() time.Time { return standing }}
	for _, id := range []string{"right", "keyless", "revoked", "mixed"} {
		options.Projects = append(options.Projects, simulate.Project{
			AccountID:    "acme-uk",
			ID:           id,
			From:         from,
			To:           standing.AddDate(0, 0, -1),
			TurnsMean:    2,
			Environments: []simulate.Environment{{Name: "live", Conversations: fewConversations}},
		})
	}
	simulator, err := simulate.New(options)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(simulator)
	t.Cleanup(server.Close)
	file = filepath.Join(t.TempDir(), "convsync.yaml")
	write := func(projects string) {
		writeFile(t, file, fmt.Sprintf("source: { base_url: %q, account_id: acme-uk, projects: [%s] }\ndestination: { %s }\nsync: { start: %s }\n",
			server.URL, projects, destination, from.Format(time.DateOnly)))
	}
	write("{ id: mixed, api_key: the-right-key }")
	run(t, file, exitOK)
	write("{ id: keyless, api_key_file: ./no-such-file }, { id: revoked, api_key: a-revoked-key }, " +
		"{ id: mixed, api_key: the-right-key, account_id: acme-us }, { id: right, api_key: the-right-key }")
	return file
}

// wantReasons holds that each of the three projects says what is wrong with it.
func wantReasons(t *testing.T, r result) {
	t.Helper()
	for _, said := range []string{"project keyless", "no-such-file", "project revoked", "401", "project mixed", "is stored as read from account acme-uk"} {
		if !strings.Contains(r.stderr, said) {
			t.Errorf("nothing said of %q: %s", said, r.stderr)
		}
	}
}

// TestACommandForAKeyIsAskedOnceARun, however many requests there are.
func TestACommandForAKeyIsAskedOnceARun(t *testing.T) {
	t.Parallel()
	_, server := past(t, 300, 2, simulate.Deviations{})
	file := configure(t, server.URL, into(filepath.Join(t.TempDir(), "lake")))
	asked := filepath.Join(t.TempDir(), "asked")
	text := strings.Replace(readFile(t, file), "api_key: made-up-key", "api_key_command: 'echo once >> "+asked+" && echo made-up-key'", 1)
	writeFile(t, file, strings.Replace(text, "sync: { ", "sync: { page_size: 20, ", 1))
	if s := run(t, file, exitOK); s.Requests < 10 {
		t.Errorf("%d requests show nothing", s.Requests)
	}
	if n := strings.Count(readFile(t, asked), "once"); n != 1 {
		t.Errorf("it was asked %d times", n)
	}
}

func TestOneProjectThatIsWrongStopsNoOther(t *testing.T) {
	t.Parallel()
	destinations(t, func(t *testing.T, destination string) {
		file := oneOfFour(t, destination)
		convsync(t, nil, "check", "--config", file).want(t, exitUsage, "FAIL  key          keyless", "FAIL  key          revoked",
			"FAIL  projects     project mixed is stored as read from account acme-uk", "ok    source       right (live)")

		r := convsync(t, nil, "run", "--dry-run", "--output", "json", "--config", file, "--log-level", "error")
		var plans planned
		if err := json.Unmarshal([]byte(r.stdout), &plans); err != nil || r.code != exitPartial || len(plans.Projects) != 4 {
			t.Fatalf("exit code %d, %v: %s", r.code, err, r.stdout)
		}
		for _, p := range plans.Projects {
			if right := p.ProjectID == "right"; (p.Error == "") != right || (len(p.Spans) > 0) != right {
				t.Errorf("planned %+v", p)
			}
		}
		wantReasons(t, r)

		r = convsync(t, nil, "run", "--output", "json", "--config", file, "--log-level", "error")
		var s summary
		if err := json.Unmarshal([]byte(r.stdout), &s); err != nil || r.code != exitPartial || s.Status != "partial" || s.Conversations.Inserted != fewConversations {
			t.Errorf("exit code %d, %v: %s", r.code, err, r.stdout)
		}
		wantReasons(t, r)
		convsync(t, nil, "status", "--output", "json", "--config", file).want(t, exitOK, "no-such-file", "account acme-us")

		r = convsync(t, nil, "verify", "--from", "2026-05-20", "--to", "2026-06-15", "--output", "json", "--config", file, "--log-level", "error")
		var v verified
		if err := json.Unmarshal([]byte(r.stdout), &v); err != nil || r.code != exitPartial || len(v.Projects) != 4 {
			t.Fatalf("exit code %d, %v: %s", r.code, err, r.stdout)
		}
		for _, p := range v.Projects {
			if right := p.ProjectID == "right"; (p.Error == nil) != right || right && p.Same != fewConversations {
				t.Errorf("verified %+v", p)
			}
		}
		wantReasons(t, r)
	})
}

func TestWhereNoProjectSucceedsTheExitCodeSaysWhy(t *testing.T) {
	t.Parallel()
	file := oneOfFour(t, into(filepath.Join(t.TempDir(), "lake")))
	for line, code := range map[string]int{
		"run --project keyless":           exitUsage, // no project has a key
		"run --project revoked":           exitFailed,
		"run --project mixed":             exitFailed,
		"run --dry-run --project revoked": exitFailed,
		"verify --project revoked":        exitFailed,
		"verify --project mixed":          exitFailed,
	} {
		r := convsync(t, nil, append(strings.Fields(line), "--config", file, "--log-level", "error")...)
		if r.code != code || r.stderr == "" {
			t.Errorf("%s: exit code %d, want %d: %s", line, r.code, code, r.stderr)
		}
	}
}

func TestCheckTellsConfigurationFromWhatTheSourceSays(t *testing.T) {
	t.Parallel()
	lake := into(filepath.Join(t.TempDir(), "lake"))
	for name, c := range map[string]struct {
		project string
		code    int
		said    string
	}{
		"the build host":   {`base_url: "https://api.uk.poly.ai", api_key: k`, exitUsage, "FAIL  host"},
		"no file of a key": {`region: uk, api_key_file: ./no-such-file`, exitUsage, "FAIL  key"},
		"no variable":      {`region: uk, api_key: "${NO_SUCH_KEY}"`, exitUsage, "NO_SUCH_KEY"},
		"nothing answers":  {`base_url: "http://127.0.0.1:1", api_key: k`, exitFailed, "FAIL  source"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := inFolder(t, "convsync.yaml")
			writeFile(t, file, fmt.Sprintf("source: { account_id: a, projects: [{ id: p, %s }] }\ndestination: { %s }\nsync: { start: 2026-01-01 }\n", c.project, lake))
			convsync(t, nil, "check", "--config", file).want(t, c.code, c.said)
		})
	}
}

// TestASecretThatCannotBeReadIsAMatterOfTheConfiguration uses a missing file
// for the URL of the database, and a notification address in an unknown format.
func TestASecretThatCannotBeReadIsAMatterOfTheConfiguration(t *testing.T) {
	t.Parallel()
	file := configure(t, newServer(t, http.StatusOK), "postgres: { url_file: no-such-file }")
	for _, line := range []string{"run", "verify", "replay", "status", "migrate", "check"} {
		r := convsync(t, nil, line, "--config", file, "--log-level", "error")
		r.want(t, exitUsage, "destination.postgres.url_file", "no-such-file")
		if strings.Contains(r.stderr, "--help") {
			t.Errorf("%s sends to its help: %s", line, r.stderr)
		}
	}
	notified := configure(t, newServer(t, http.StatusOK), into(inFolder(t, "lake")))
	url := inFolder(t, "url")
	writeFile(t, url, "no address\n")
	writeFile(t, notified, readFile(t, notified)+fmt.Sprintf("notify: { webhook_url_file: %q }\n", url))
	convsync(t, nil, "check", "--config", notified).want(t, exitUsage, "FAIL  notify")
}
