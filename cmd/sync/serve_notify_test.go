package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"convsync/internal/simulate"
)

// withServe adds the service's part to a configuration. The made-up past is
// long over, and no reason to tell anybody.
func withServe(t *testing.T, file, more string) {
	t.Helper()
	writeFile(t, file, readFile(t, file)+more+"serve: { listen: \"127.0.0.1:0\", stale_after: 87600h }\n")
}

// counter is the value of a series.
func counter(t *testing.T, url, series string) int {
	t.Helper()
	_, text := get(t, url+"/metrics")
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(series) + ` (\d+)`).FindStringSubmatch(text)
	if found == nil {
		return 0
	}
	n, err := strconv.Atoi(found[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

const (
	runsSucceeded = `convsync_runs_total{kind="incremental",status="succeeded"}`
	runsFailed    = `convsync_runs_total{kind="incremental",status="failed"}`
)

// TestAnOutageOfPostgresIsOneAlertOneRecoveryAndNoLostRow takes the database
// away while runs go every second: many of them fail, the page stays up and
// shows it, two notifications are sent, and all data of the source is stored.
func TestAnOutageOfPostgresIsOneAlertOneRecoveryAndNoLostRow(t *testing.T) {
	t.Parallel()
	_, source := past(t, 300, 3, simulate.Deviations{})
	hook, hookURL := newNotifyHook(t)
	door, database := newDoor(t, newDatabase(t))
	file := configure(t, source.URL, intoPostgres(database))
	withServe(t, file, "schedules: { often: { cron: \"@every 1s\" } }\nnotify: { webhook_url: \""+hookURL+"\", format: json }\n")
	url, said, stop := startServe(t, file, "--log-level", "warn")
	until(t, "a run succeeds", func() bool { return counter(t, url, runsSucceeded) > 0 })

	door.set(true)
	failed := counter(t, url, runsFailed)
	until(t, "several runs fail", func() bool { return counter(t, url, runsFailed) >= failed+3 })
	until(t, "it is notified", func() bool { return len(hook.notices()) > 0 })
	until(t, "the metrics show it", func() bool {
		_, metrics := get(t, url+"/metrics")
		return strings.Contains(metrics, "\nconvsync_destination_up 0\n")
	})
	if status, page := get(t, url+"/"); status != http.StatusOK || !strings.Contains(page, "The destination cannot be read") || !strings.Contains(page, "acme-team-4") {
		t.Errorf("the page is %d and does not say it", status)
	}

	door.set(false)
	succeeded := counter(t, url, runsSucceeded)
	until(t, "runs succeed again", func() bool { return counter(t, url, runsSucceeded) >= succeeded+3 })
	until(t, "its end is notified", func() bool { return len(hook.notices()) > 1 })
	if code := stop(); code != exitOK && code != exitInterrupted {
		t.Errorf("it ended with %d", code)
	}
	if got, want := hook.notices(), []string{"destination_away open", "destination_away recovered"}; !slices.Equal(got, want) {
		t.Errorf("notified %q, want %q", got, want)
	}
	if strings.Contains(said.String(), "made-up-secret") || strings.Contains(readFile(t, filepath.Join(filepath.Dir(file), "convsync-schedules-notified.json")), "made-up-secret") {
		t.Error("the webhook's URL is shown")
	}
	wantReasonsOnce(t, said.String())
	verifyAll(t, file, exitOK)
}

// wantReasonsOnce holds that each failure of a schedule is one line, with why.
func wantReasonsOnce(t *testing.T, log string) {
	t.Helper()
	ids := map[string]int{}
	for line := range strings.Lines(log) {
		var entry struct {
			Msg, Error string
			RunID      string `json:"run_id"`
		}
		if json.Unmarshal([]byte(line), &entry) != nil || entry.Error == "" || entry.RunID == "" {
			continue
		}
		ids[entry.RunID]++
	}
	if len(ids) == 0 {
		t.Errorf("no failure is logged: %s", log)
	}
	for id, n := range ids {
		if n != 1 {
			t.Errorf("why run %s failed was logged %d times: %s", id, n, log)
		}
	}
}

// TestServeNotify_FailingProject: the key is refused.
func TestServeNotify_FailingProject(t *testing.T) {
	t.Parallel()
	source, hook, hookURL := http.StatusUnauthorized, (*notifyHook)(nil), ""
	server := newServer(t, source)
	hook, hookURL = newNotifyHook(t)
	file := configure(t, server, into(filepath.Join(t.TempDir(), "lake")))
	withServe(t, file, "schedules: { nightly: { cron: \"0 2 29 2 *\" } }\nnotify: { webhook_url: \""+hookURL+"\", format: json }\n")
	url, said, stop := startServe(t, file, "--run-now", "--log-level", "info")
	until(t, "it is notified", func() bool { return len(hook.notices()) > 0 })
	until(t, "it is counted", func() bool { return counter(t, url, runsFailed) == 1 })
	if n := counter(t, url, `convsync_responses_total{status="401"}`); n == 0 {
		t.Error("the answers are not counted")
	}
	stop()
	if got := hook.notices(); !slices.Equal(got, []string{"project_failed open"}) {
		t.Errorf("notified %q", got)
	}
	if n := strings.Count(said.String(), "answered 401"); n != 1 {
		t.Errorf("why it failed was logged %d times:\n%s", n, said)
	}
	if n := strings.Count(said.String(), "\nstarting all schedules now, except those of kind verify, audio and report; next: nightly at "); n != 1 {
		t.Errorf("it says %d times what comes next:\n%s", n, said)
	}
}

func TestNotifySendsATestAndCheckSendsNothing(t *testing.T) {
	t.Parallel()
	source := newServer(t, http.StatusOK)
	hook, hookURL := newNotifyHook(t)
	out := inFolder(t, "notified")
	file := configure(t, source, into(filepath.Join(t.TempDir(), "lake")))
	withServe(t, file, fmt.Sprintf("notify: { webhook_url: %q, format: json, command: %q, heartbeat_url: %q }\n", hookURL, "echo \"$$CONVSYNC_TEXT\" >> "+out, hookURL))
	checked := convsync(t, nil, "check", "--config", file)
	checked.want(t, exitOK, "ok    notify", "a webhook at 127.0.0.1:", "(json), a command, a heartbeat at 127.0.0.1:", "`convsync notify --config "+file+"` sends a test")
	if len(hook.notices()) > 0 || strings.Contains(checked.stdout, "made-up-secret") {
		t.Errorf("check sent %q, and says %s", hook.notices(), checked.stdout)
	}
	convsync(t, nil, "notify", "--config", file).want(t, exitOK, "to the webhook", "to the command")
	if got := hook.notices(); !slices.Equal(got, []string{"test open", "test recovered"}) {
		t.Errorf("notified %q", got)
	}
	if text := readFile(t, out); !strings.Contains(text, "This is a test: nothing is wrong.") {
		t.Errorf("the command received %s", text)
	}
}

func TestNotifySaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	source := newServer(t, http.StatusOK)
	none := configure(t, source, into(filepath.Join(t.TempDir(), "lake")))
	convsync(t, nil, "notify", "--config", none).want(t, exitUsage, "no notifications are configured", "webhook_url")
	broken := configure(t, source, into(filepath.Join(t.TempDir(), "lake")))
	withServe(t, broken, "schedules: { nightly: { cron: \"0 2 * * *\" } }\nnotify: { webhook_url_file: no-such-file, command: \"exit 7\" }\n")
	convsync(t, nil, "check", "--config", broken).want(t, exitUsage, "FAIL  notify", "notify.webhook_url_file", "no-such-file")
	convsync(t, nil, "notify", "--config", broken).want(t, exitUsage, "was not delivered by the webhook", "no-such-file", "by the command", "exit code 7")
	silent := configure(t, source, into(filepath.Join(t.TempDir(), "lake")))
	withServe(t, silent, "schedules: { nightly: { cron: \"0 2 * * *\" } }\n")
	convsync(t, nil, "check", "--config", silent).want(t, exitOK, "note  notify", "no notifications are configured")
}
