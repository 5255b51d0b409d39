package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"convsync/internal/config"
	"convsync/internal/load"
	"convsync/internal/simulate"
	"convsync/internal/warehouse"
	"convsync/internal/webhook"
)

const webhookSecret = "made-up-signing-secret"

// delivery is a signed request of an event.
func delivery(t testing.TB, url, id, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/webhooks/polyai", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	timestamp := strconv.FormatInt(time.Now().Unix(), 10)
	req.Header.Set(webhook.HeaderTimestamp, timestamp)
	req.Header.Set(webhook.HeaderSignature, webhook.Sign(webhookSecret, timestamp, []byte(body)))
	req.Header.Set(webhook.HeaderEventID, id)
	return req
}

// deliver sends an event.
func deliver(t testing.TB, url, id, body string) (status int, answer string) {
	t.Helper()
	res, err := http.DefaultClient.Do(delivery(t, url, id, body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// serving is a configuration of a service that runs by nothing but events.
func serving(t *testing.T, source, destination string) (file string) {
	t.Helper()
	file = configure(t, source, destination)
	writeFile(t, file, readFile(t, file)+"schedules: { seldom: { cron: \"0 2 29 2 *\" } }\n"+
		"serve: { listen: \"127.0.0.1:0\", webhooks: { secret_files: [secret.old, secret] } }\n")
	writeFile(t, strings.TrimSuffix(file, "convsync.yaml")+"secret", webhookSecret+"\n")
	return file
}

// openConfigured opens the destination of a configuration.
func openConfigured(t testing.TB, file string) load.Destination {
	t.Helper()
	cfg, err := config.Load(config.Options{File: file, LookupEnv: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	destination, err := openDestination(t.Context(), cfg, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { destination.Close() })
	return destination
}

// landed lists the conversations that are stored.
func landed(t *testing.T, file string) (ids []string) {
	t.Helper()
	keys, err := openConfigured(t, file).Keys(t.Context(), load.Feed{ProjectID: "acme-team-4", Environment: "live"}, 0, warehouse.TimestampOf(standing))
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		ids = append(ids, k.ID)
	}
	return ids
}

// TestACallsEventMakesItsConversationLand starts the real process; an event
// comes in while the source is down, the process is killed, and the next one
// reads what the event was about, and nothing else.
func TestACallsEventMakesItsConversationLand(t *testing.T) {
	t.Parallel()
	simulator, _ := past(t, 3000, 3, simulate.Deviations{})
	var id string
	var start time.Time
	for truth := range simulator.Truth("acme-team-4", "live", standing.AddDate(0, 0, -5)) {
		id, start = truth.ID, truth.Conversation["started_at"].(time.Time)
	}
	body := func(project string) string {
		return fmt.Sprintf(`{"type":"call.completed","project_id":%q,"data":{"conversation_id":%q,"started_at":%q}}`,
			project, id, start.Format(time.RFC3339Nano))
	}
	destinations(t, func(t *testing.T, destination string) {
		var down atomic.Bool
		source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if down.Load() {
				w.WriteHeader(http.StatusForbidden) // at once, and not tried again
				return
			}
			simulator.ServeHTTP(w, r)
		}))
		t.Cleanup(source.Close)
		file := serving(t, source.URL, destination)
		down.Store(true)
		first := serveIn(t, file, nil)
		if status, answer := deliver(t, first.url, "evt-1", body("acme-team-4")); status != http.StatusOK || answer != "stored\n" {
			t.Fatalf("answered %d, %s", status, answer)
		}
		if status, answer := deliver(t, first.url, "evt-1", body("acme-team-4")); status != http.StatusOK || answer != "already stored\n" {
			t.Errorf("the second time it is answered %d, %s", status, answer)
		}
		if status, _ := deliver(t, first.url, "evt-2", body("another-project")); status != http.StatusOK {
			t.Errorf("an unknown project is answered %d", status)
		}
		first.kill()
		down.Store(false)
		second := serveIn(t, file, nil)
		eventually(t, second.url+"/metrics", `convsync_runs_total{kind="event",status="succeeded"} 1`)
		if ids := landed(t, file); !slices.Contains(ids, id) || len(ids) > 50 {
			t.Errorf("stored are %v, want %s and what started around it", ids, id)
		}
		if status, answer := deliver(t, second.url, "evt-1", body("acme-team-4")); status != http.StatusOK || answer != "already stored\n" {
			t.Errorf("after a restart it is answered %d, %s", status, answer)
		}
		second.stop()
	})
}

// TestARunByAnEventThatFailsIsLoggedAsOne has a source that refuses all.
func TestARunByAnEventThatFailsIsLoggedAsOne(t *testing.T) {
	t.Parallel()
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	t.Cleanup(source.Close)
	url, said, stop := startServe(t, serving(t, source.URL, into(inFolder(t, "lake"))))
	if status, answer := deliver(t, url, "evt-1", `{"type":"call.completed","project_id":"acme-team-4"}`); status != http.StatusOK {
		t.Fatalf("answered %d, %s", status, answer)
	}
	until(t, "the event's run is over", func() bool { return strings.Contains(said.String(), `"schedule":"(event)"`) })
	stop()
	for line := range strings.Lines(said.String()) {
		asFailed := strings.Contains(line, `"level":"ERROR","msg":"project acme-team-4 (live) is failing: the source refused the key (403); the run failed"`) && strings.Contains(line, `"status":"failed"`)
		if strings.Contains(line, `"schedule":"(event)"`) && !asFailed {
			t.Errorf("it logs %s", line)
		}
	}
}

// TestAnAlertIsOnThePageUntilItIsResolved sends events of alerts, out of order
// too, to the real process.
func TestAnAlertIsOnThePageUntilItIsResolved(t *testing.T) {
	t.Parallel()
	_, source := past(t, 100, 2, simulate.Deviations{})
	destinations(t, func(t *testing.T, destination string) {
		s := serveIn(t, serving(t, source.URL, destination), nil)
		alert := func(kind, rule, at string) string {
			return fmt.Sprintf(`{"type":"alerts.%s","created_at":%q,"data":{"alert_rule_id":%q,"name":"Slow turns","project_id":"acme-team-4",
				"metric":"turn_latency_p95","operator":">=","threshold_value":1500,"window_duration":"5m","current_value":1800}}`, kind, at, rule)
		}
		for id, body := range map[string]string{
			"e-1": alert("triggered", "ar_1", "2026-06-15T10:00:00Z"),
			"e-2": alert("resolved", "ar_2", "2026-06-15T10:30:00Z"),
		} {
			if status, answer := deliver(t, s.url, id, body); status != http.StatusOK {
				t.Fatalf("%s: %d %s", id, status, answer)
			}
		}
		eventually(t, s.url+"/", "PolyAI raised an alert: Slow turns (turn_latency_p95 &gt;= 1500 over 5m, value 1800).")
		deliver(t, s.url, "e-3", alert("triggered", "ar_2", "2026-06-15T10:20:00Z")) // came late
		deliver(t, s.url, "e-4", alert("resolved", "ar_1", "2026-06-15T10:40:00Z"))
		until(t, "no alert is shown", func() bool {
			_, body := get(t, s.url+"/")
			return strings.Contains(body, "acme-team-4") && !strings.Contains(body, "PolyAI raised")
		})
	})
}

func TestWithoutASecretThereIsNoSuchPage(t *testing.T) {
	t.Parallel()
	_, source := past(t, 10, 1, simulate.Deviations{})
	file := serving(t, source.URL, into(t.TempDir()+"/lake"))
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, file, strings.Replace(string(text), ", webhooks: { secret_files: [secret.old, secret] }", ", token: made-up-token-1234", 1))
	s := serveIn(t, file, nil)
	if status, _ := deliver(t, s.url, "e-1", `{}`); status != http.StatusNotFound {
		t.Errorf("answered %d", status)
	}
}
