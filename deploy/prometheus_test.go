//go:build prometheus

package deploy

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// These tests take the real programs of Prometheus: `make prometheus` installs
// them where it may.

func TestPrometheusTakesTheRulesAndTheyAlertWhenTheyShould(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"check", "config", "--syntax-only", "prometheus.yaml"}, {"check", "rules", "rules.yaml"}, {"test", "rules", "rules_test.yaml", "rules_recordings_test.yaml"},
	} {
		cmd := exec.CommandContext(t.Context(), "promtool", args...)
		cmd.Dir = "prometheus"
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v: %s", strings.Join(args, " "), err, out)
		}
	}
}

// prometheus is one with our configuration, which asks a service every second
// rather than where and as often as the file says.
func prometheus(t *testing.T, service string) (api string) {
	t.Helper()
	folder := t.TempDir()
	rules, err := filepath.Abs("prometheus/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(
		"convsync:8080", strings.TrimPrefix(service, "http://"), "/run/convsync/token", filepath.Join(folder, "token"),
		"rules.yaml", rules, "scrape_interval: 15s", "scrape_interval: 1s", "evaluation_interval: 30s", "evaluation_interval: 1s",
	).Replace(read(t, "deploy/prometheus/prometheus.yaml"))
	for name, content := range map[string]string{"prometheus.yaml": text, "token": "made-up-token-1234"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	cmd := exec.Command("prometheus", "--config.file="+filepath.Join(folder, "prometheus.yaml"),
		"--storage.tsdb.path="+filepath.Join(folder, "data"), "--web.listen-address="+address)
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: `make prometheus` installs it where it may", err)
	}
	said := make(chan string, 1)
	go func() {
		text, _ := io.ReadAll(log)
		said <- string(text)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		if text := <-said; t.Failed() {
			t.Log(text)
		}
		_ = cmd.Wait()
	})
	for tick := time.NewTicker(100 * time.Millisecond); ; <-tick.C { // or the test runs into its time limit
		if res, err := http.Get("http://" + address + "/-/ready"); err == nil { //nolint:noctx // of this machine
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return "http://" + address + "/api/v1/"
			}
		}
	}
}

type rule struct{ Name, Health, LastError, State string }

// answer has the fields that the tests use of a response of Prometheus's API.
type answer struct {
	Status, Error string
	Data          struct {
		Result []any
		Groups []struct{ Rules []rule }
	}
}

func query(t *testing.T, url string) (a answer) {
	t.Helper()
	if err := json.Unmarshal([]byte(get(t, url)), &a); err != nil {
		t.Fatal(err)
	}
	if a.Status != "success" {
		t.Errorf("%s: %s", url, a.Error)
	}
	return a
}

// TestPrometheusAnswersEveryQueryOfTheDashboards asks a real one, as Grafana
// does, about a service that ran once: each query must have an answer.
func TestPrometheusAnswersEveryQueryOfTheDashboards(t *testing.T) {
	t.Parallel()
	service := withRecordings(t, serving(t))
	exposed(t, service)
	api := prometheus(t, service)
	asked := 0
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	deadline := time.After(15 * time.Minute)
	for _, name := range dashboardNames {
		for _, p := range readDashboard(t, name).Panels {
			for _, q := range p.Targets {
				if q.Expr == "" {
					continue
				}
				asked++
				expression := strings.NewReplacer("$__rate_interval", "1m", "$project", "acme-team-4|.*").Replace(q.Expr)
				if strings.Contains(expression, "$") {
					t.Errorf("%s: a macro that this test does not know: %s", p.Title, expression)
				}
				for found := 0; found == 0 && !t.Failed(); {
					now := time.Now().Unix()
					found = len(query(t, api+fmt.Sprintf("query_range?query=%s&start=%d&end=%d&step=5", url.QueryEscape(expression), now-60, now)).Data.Result)
					if found > 0 {
						break
					}
					select {
					case <-tick.C:
					case <-deadline:
						t.Errorf("%s: nothing answers %s", p.Title, expression)
					}
				}
			}
		}
	}
	if asked < 15 {
		t.Errorf("only %d queries found", asked)
	}
	for _, r := range evaluated(t, api) {
		if r.Health != "ok" || r.State == "firing" {
			t.Errorf("%s is %s and %s: %s", r.Name, r.Health, r.State, r.LastError)
		}
	}
}

// evaluated are all rules, once each was looked at.
func evaluated(t *testing.T, api string) (rules []rule) {
	t.Helper()
	for tick := time.NewTicker(100 * time.Millisecond); ; <-tick.C { // or the test runs into its time limit
		rules = nil
		for _, g := range query(t, api+"rules").Data.Groups {
			rules = append(rules, g.Rules...)
		}
		if len(rules) > 0 && !slices.ContainsFunc(rules, func(r rule) bool { return r.Health == "unknown" }) {
			return rules
		}
	}
}
