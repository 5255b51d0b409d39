package deploy

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"convsync/internal/load/pgtest"
)

// serving is a real `convsync serve`, from before its first run until the test
// ends. Lateness, which takes hours to come about, is put in.
func serving(t *testing.T) (url string) {
	t.Helper()
	database := pgtest.URL(t)
	text := configuration(source(t), database)
	if out, err := program(t, text, "migrate").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	pgtest.Exec(t, database, `INSERT INTO polyai.sync_lateness (project_id, environment, measure, upper_seconds, count)
		VALUES ('acme-team-4', 'live', 'arrival', 60, 100)`)
	ready := program(t, text, "serve", "--run-now", "--log-level", "error")
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), ready.Path, ready.Args[1:]...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_, _ = io.Copy(io.Discard, stderr)
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(stderr).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`http://\S+`).FindString(line)
}

func get(t *testing.T, url string) string {
	t.Helper()
	res, err := http.Get(url) //nolint:noctx // of this machine, in a test
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// exposed are the series that a service shows once it has run, without values.
func exposed(t *testing.T, url string) string {
	t.Helper()
	return metrics(t, url, "convsync_last_run_timestamp_seconds{", "convsync_watermark_age_seconds{")
}

// metrics returns the metrics of a service once they contain some series.
func metrics(t *testing.T, url string, series ...string) (text string) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(15 * time.Minute)
	for {
		text = get(t, url+"/metrics")
		if !slices.ContainsFunc(series, func(s string) bool { return !strings.Contains(text, s) }) {
			return text
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("there are not all of %q:\n%s", series, text)
		}
	}
}

// alert is a rule as Prometheus has it.
type alert struct {
	Alert, Expr, For    string
	Labels, Annotations map[string]string
}

func alerts(t *testing.T) (all []alert) {
	t.Helper()
	rules := documents(t, "deploy/prometheus/rules.yaml")[0]
	for _, group := range at(rules, "groups").([]any) {
		for _, rule := range at(group, "rules").([]any) {
			a := alert{Labels: map[string]string{}, Annotations: map[string]string{}}
			for key, value := range rule.(map[string]any) {
				switch key {
				case "alert":
					a.Alert = value.(string)
				case "expr":
					a.Expr = value.(string)
				case "for":
					a.For = value.(string)
				case "labels", "annotations":
					into := map[string]map[string]string{"labels": a.Labels, "annotations": a.Annotations}[key]
					for k, v := range value.(map[string]any) {
						into[k] = v.(string)
					}
				default:
					t.Fatalf("the key %s is not one of an alert", key)
				}
			}
			all = append(all, a)
		}
	}
	return all
}

var (
	metricName = regexp.MustCompile(`\b(convsync|process|go)_\w+`)
	matcher    = regexp.MustCompile(`\b(convsync_\w+)\{([^}]*)\}`)
	labelName  = regexp.MustCompile(`(\w+)\s*[=!]`)
)

// TestEveryMetricThatIsAskedForExists asks a service that has run, and holds
// each name in dashboards and rules against what it shows, and each label.
func TestEveryMetricThatIsAskedForExists(t *testing.T) {
	t.Parallel()
	queries := map[string]string{}
	for _, a := range alerts(t) {
		queries[a.Alert] = a.Expr
	}
	for _, name := range dashboardNames {
		d := readDashboard(t, name)
		for _, v := range d.Templating.List {
			if strings.HasPrefix(v.Query, "label_values(") {
				queries["$"+v.Name] = v.Query
			}
		}
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				if q.Expr != "" {
					queries[p.Title+" "+q.RefID] = q.Expr
				}
			}
		}
	}
	if len(queries) < 20 {
		t.Errorf("only %d queries found", len(queries))
	}
	shown := exposed(t, withRecordings(t, serving(t)))
	for title, query := range queries {
		for _, name := range metricName.FindAllString(query, -1) {
			// An event that has not happened yet has no series, but its kind is described.
			if !strings.Contains(shown, "\n"+name+"{") && !strings.Contains(shown, "\n"+name+" ") {
				t.Errorf("%s: there is no metric %s", title, name)
			}
		}
		for _, found := range matcher.FindAllStringSubmatch(query, -1) {
			for _, label := range labelName.FindAllStringSubmatch(found[2], -1) {
				if !regexp.MustCompile(`\n` + found[1] + `\{[^}]*\b` + label[1] + `="`).MatchString(shown) {
					t.Errorf("%s: %s has no label %s", title, found[1], label[1])
				}
			}
		}
	}
}

func TestEveryAlertHasARunbook(t *testing.T) {
	t.Parallel()
	pages := map[string]bool{}
	for _, a := range alerts(t) {
		page := "docs/runbooks/" + a.Alert + ".md"
		pages[a.Alert+".md"] = true
		if a.Annotations["runbook"] != page {
			t.Errorf("%s names the runbook %q, not %s", a.Alert, a.Annotations["runbook"], page)
		}
		if a.Annotations["summary"] == "" || a.Annotations["description"] == "" || a.Labels["severity"] == "" {
			t.Errorf("%s has no summary, description or severity", a.Alert)
		}
		for _, section := range []string{"# " + a.Alert + "\n", "## What it means", "## What to do", "## When it is over"} {
			if !strings.Contains(read(t, page), section) {
				t.Errorf("%s has no %q", page, section)
			}
		}
	}
	entries, err := os.ReadDir("../docs/runbooks")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !pages[e.Name()] {
			t.Errorf("docs/runbooks/%s is of no alert", e.Name())
		}
	}
}
