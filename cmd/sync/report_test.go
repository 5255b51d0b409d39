//go:build cgo

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"convsync/internal/answer"
	"convsync/internal/report"
	"convsync/internal/simulate"
	"convsync/internal/warehouse"
)

// reportedWorld are a lake and a database with the same conversations.
func reportedWorld(t *testing.T) (configs map[string]string, server *httptest.Server) {
	t.Helper()
	_, server = past(t, 900, 4, simulate.Deviations{
		UnsaidBooleans:    true,
		HiddenTranscripts: true,
		NeverEnding:       true,
		LatencyStrings:    true,
		Unreadable:        true,
		PageOverlap:       true,
	})
	configs = map[string]string{}
	for name, destination := range map[string]string{"Lake": into(inFolder(t, "lake")), "Postgres": intoPostgres(newDatabase(t))} {
		config := inFolder(t, "convsync.yaml")
		writeFile(t, config, fmt.Sprintf(`
source: { base_url: %q, account_id: acme-uk, api_key: made-up-key, projects: [{ id: acme-team-4, time_zone: America/New_York, environments: [live, sandbox] }] }
destination: { %s }
sync: { start: 2026-05-26 }
`, server.URL, destination))
		run(t, config, exitPartial) // some of it cannot be read, by design
		configs[name] = config
	}
	return configs, server
}

// reportJSON returns the output without the time of the report.
func reportJSON(t *testing.T, config string, args ...string) string {
	t.Helper()
	r := convsync(t, nil, append([]string{"report", "--config", config, "--output", "json"}, args...)...)
	r.want(t, exitOK)
	return regexp.MustCompile(`"generated_at": "[^"]*"`).ReplaceAllString(r.stdout, "")
}

func TestReport(t *testing.T) {
	t.Parallel()
	configs, server := reportedWorld(t)
	texts := map[string]string{}
	for name, config := range configs {
		texts[name] = reportJSON(t, config, "--from", "2026-06-05", "--to", "2026-06-13", "--compare")
	}
	if texts["Lake"] != texts["Postgres"] {
		t.Errorf("the destinations have different figures: %s\nand %s", texts["Lake"], texts["Postgres"])
	}
	t.Run("RawAnswers", func(t *testing.T) { compareRaw(t, texts["Lake"], server.URL) })
	t.Run("Words", func(t *testing.T) { reportWords(t, configs["Postgres"]) })
	t.Run("Page", func(t *testing.T) { reportPage(t, configs["Lake"]) })
	for name, config := range configs {
		t.Run("Months/"+name, func(t *testing.T) { reportMonths(t, config) })
	}
}

// compareRaw compares all figures with those that are computed from the answers of the
// API.
func compareRaw(t *testing.T, text, server string) {
	var got reported
	if err := json.Unmarshal([]byte("{"+strings.SplitN(text, ",", 2)[1]), &got); err != nil {
		t.Fatal(err)
	}
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	calls, rejected := rawCalls(t, server, zone)
	w := truth{all: calls, zone: zone, watermark: *got.Feeds[0].CoveredUntil}
	want := w.report("2026-06-05", "2026-06-13", "2026-05-28")
	n := int64(0)
	for _, s := range []*report.Summary{got.Current, got.Before} {
		for _, r := range s.Rejected {
			n += r.Count
		}
		s.Rejected = nil
	}
	if n == 0 || n > int64(len(rejected)) {
		t.Errorf("%d were rejected, of %d", n, len(rejected))
	}
	want.Notes, want.Period, want.Feeds = got.Notes, got.Period, got.Feeds
	values := func(v any) (out any) {
		text, err := json.Marshal(v)
		if err == nil {
			err = json.Unmarshal(text, &out)
		}
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for i, d := range differences("", values(got), values(want)) {
		if i > 30 {
			break
		}
		t.Error(d)
	}
	// What is compared has something of everything.
	c := want.Current
	for name, n := range map[string]int64{
		"open": c.Open, "unknown handoffs": c.Finished - c.HandoffKnown, "handoffs": c.Handoffs, "early": c.EarlyAbandons, "hidden": c.Transcripts["hidden"],
		"no callback": c.ContainedNoCallback, "reasons": int64(len(want.Reasons)), "metrics": int64(len(want.Metrics)), "steps": int64(len(want.DropOff)),
	} {
		if n == 0 {
			t.Errorf("no %s", name)
		}
	}
}

// reportWords checks what is said about periods that lack data.
func reportWords(t *testing.T, config string) {
	text := reportJSON(t, config, "--from", "2025-01-01", "--to", "2025-02-01")
	for _, want := range []string{`"figures": null`, "Nothing of the period was read: acme-team-4 is read from 25 May 2026 to 15 Jun 2026", `"state": "not_read",
      "figures": null`} {
		if !strings.Contains(text, want) {
			t.Errorf("an empty period lacks %q: %.500s", want, text)
		}
	}
	text = reportJSON(t, config, "--from", "2026-06-13", "--to", "2026-06-18")
	for _, want := range []string{"The period is not complete: 2 days of 5 not read, 1 day of 5 partial. Its totals will change.", `"day": "2026-06-16",
      "state": "not_read",
      "figures": null`, `"day": "2026-06-13",
      "state": "complete"`} {
		if !strings.Contains(text, want) {
			t.Errorf("a half-loaded period lacks %q: %.1500s", want, text)
		}
	}
	text = reportJSON(t, config) // ends with the last complete day
	if !strings.Contains(text, `"from": "2026-05-18",
    "to": "2026-06-15",
    "days": 28`) {
		t.Errorf("the default period: %.600s", text)
	}
	text = reportJSON(t, config, "--environment", "pre-release")
	if !strings.Contains(text, "Nothing is loaded of the environment pre-release. Stored environments: live, sandbox.") {
		t.Errorf("another environment: %.600s", text)
	}
	for _, c := range []struct{ args, want string }{
		{"--from 2026-06-01", "the day after its last one"},
		{"--from 2026-06-03 --to 2026-06-03", "the period is empty"},
		{"--from June --to 2026-06-03", `from "June" is not a day`},
		{"--from 2020-01-01 --to 2026-01-01", "at most 400"},
		{"--project acme-team-9", "is not configured"},
		{"--environment production", "--environment"},
		{"--output pdf", "--output"},
		{"--days 0", "--days"},
		{"--days 401", "--days must be from 1 to 400"},
		{"--days 7 --from 2026-06-01 --to 2026-06-03", "not both"},
		{"-o no-such-folder/report.html", "cannot write no-such-folder/report.html: there is no folder no-such-folder; create it first"},
		{"--output html -o .", "cannot write .: it is a folder; name a file in it"},
		{"-o report.pdf", "no format has the ending .pdf; use one of .htm, .html, .json"},
	} {
		convsync(t, nil, append([]string{"report", "--config", config}, strings.Fields(c.args)...)...).want(t, exitUsage, c.want)
	}
}

// reportPage checks the file.
func reportPage(t *testing.T, config string) {
	out := filepath.Join(t.TempDir(), "report.html")
	convsync(t, nil, "report", "--config", config, "--from", "2026-06-05", "--to", "2026-06-17", "--compare", "-o", out).
		want(t, exitOK, "wrote "+out, "from 2026-06-05 to 2026-06-16", "note: The period is not complete")
	page := readFile(t, out)
	for _, want := range []string{"<!DOCTYPE html>", "Content-Security-Policy", "The period is not complete", "16 Jun 2026: not read", "15 Jun 2026: not complete", "uPlot, MIT licence"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if m := regexp.MustCompile(`(?i)(src|href|action)="(https?:)?//`).FindString(page); m != "" {
		t.Errorf("the page refers to the network: %s", m)
	}
	if info, err := os.Stat(out); err != nil || info.Size() > 1<<20 {
		t.Errorf("the page has %d bytes, %v", info.Size(), err)
	}
}

// explainer records the plans of statements.
type explainer struct {
	answer.Source
	plans *[]string
}

func (e explainer) Ask(ctx context.Context, s answer.Statement) (answer.Rows, error) {
	rows, err := e.Source.Ask(ctx, answer.Statement{SQL: "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) " + s.SQL, Params: s.Params})
	if err != nil {
		return nil, err
	}
	var plan []string
	for {
		row, err := rows.Next(ctx)
		if err != nil {
			break
		}
		plan = append(plan, fmt.Sprint(row))
	}
	if err := rows.Close(); err != nil {
		return nil, err
	}
	*e.plans = append(*e.plans, s.SQL[:min(60, len(s.SQL))]+"\n"+strings.Join(plan, "\n"))
	return e.Source.Ask(ctx, s)
}

// reportMonths checks that only the months of the period, and that of the next contacts, are read: in Postgres by
// the plans, in a lake by the files that are opened.
func reportMonths(t *testing.T, config string) {
	cfg, err := (&app{configFile: config, lookupEnv: func(string) (string, bool) { return "", false }}).loadConfigWithoutKeys()
	if err != nil {
		t.Fatal(err)
	}
	open, plans := openForReport(cfg), []string{}
	period, err := report.ParsePeriod("2026-06-05", "2026-06-13")
	if err != nil {
		t.Fatal(err)
	}
	_, err = report.Collect(t.Context(), func(ctx context.Context, within warehouse.Range) (answer.Source, error) {
		source, err := open(ctx, within)
		if err != nil {
			return nil, err
		}
		if lake, ok := source.(*commitSource); ok {
			files, err := filepath.Glob(filepath.Join(lake.snapshot.Path, "*", "*", "started_month=*"))
			for _, f := range files {
				if !strings.HasSuffix(f, "=2026-06") || within.From.IsZero() {
					t.Errorf("%s is opened", f)
				}
			}
			if err != nil || len(files) == 0 && !within.From.IsZero() {
				t.Errorf("no month is opened, %v", err)
			}
			return source, nil
		}
		return explainer{source, &plans}, nil
	}, report.Options{Period: period, Now: standing})
	if err != nil {
		t.Fatal(err)
	}
	scanned := 0
	for _, plan := range plans {
		for line := range strings.Lines(plan) {
			if strings.Contains(line, "_2026_06") {
				scanned++
			} else if strings.Contains(line, "_2026_0") && !strings.Contains(line, "on conversations_2026_07") && !strings.Contains(line, "never executed") && strings.Contains(line, " on ") {
				t.Errorf("a statement reads another month: %s", line)
			}
		}
	}
	if cfg.Destination.Postgres != nil && scanned < 5 {
		t.Errorf("the plans name June %d times", scanned)
	}
}
