package main

import (
	"encoding/json"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"convsync/internal/simulate"
)

// faultySource has each deviation, and faults of the network in its first answers.
func faultySource(t *testing.T) (url string) {
	t.Helper()
	now := time.Now() // by both clocks
	simulator, err := simulate.New(simulate.Options{
		Seed:       7,
		Now:        func() time.Time { return now },
		Deviations: simulate.AllDeviations(),
		APIKey:     "made-up-key",
		Projects: []simulate.Project{{
			AccountID:    "acme-uk",
			ID:           "acme-team-4",
			From:         now.AddDate(0, 0, -20),
			To:           now.AddDate(0, 0, -1),
			TurnsMean:    4,
			Environments: []simulate.Environment{{Name: "live", Conversations: 600}},
		}},
		Faults: simulate.Faults{At: map[int64]simulate.Fault{2: simulate.Status500, 3: simulate.CutBody, 4: simulate.Malformed, 5: simulate.Status502}},
	})
	if err != nil {
		t.Fatal(err)
	}
	source := httptest.NewServer(simulator)
	t.Cleanup(source.Close)
	return source.URL
}

// TestLogsOfARunNameItAndShowNothingPrivate reads every line of a run at the
// level debug, over a source with each deviation and faults of the network.
func TestLogsOfARunNameItAndShowNothingPrivate(t *testing.T) {
	t.Parallel()
	lake := filepath.Join(t.TempDir(), "lake")
	var private []string
	for _, destination := range []string{into(lake), intoPostgres(newDatabase(t))} {
		file := configure(t, faultySource(t), destination)
		writeFile(t, file, strings.Replace(readFile(t, file), "sync: { ", "sync: { page_size: 100, ", 1))
		r := convsync(t, nil, "run", "--config", file, "--log-level", "debug", "--log-format", "json")
		r.want(t, exitPartial) // some of it cannot be read, by design
		wantNamed(t, r.stderr)
		if private == nil {
			private = privateText(readLake(t, lake))
		}
		for _, secret := range append(private, "made-up-key") {
			if strings.Contains(r.stdout+r.stderr, secret) {
				t.Errorf("the log shows %q", secret)
			}
		}
	}
}

// wantNamed holds that each line says of which run and project it is, and each
// about a request of which slice.
func wantNamed(t *testing.T, log string) {
	t.Helper()
	lines, asked := 0, 0
	for line := range strings.Lines(log) {
		if !strings.HasPrefix(line, "{") {
			continue // for people, at the end
		}
		var entry struct {
			Msg, Project, Environment, Slice string
			RunID                            string `json:"run_id"`
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		lines++
		if entry.RunID != "" && (strings.HasPrefix(entry.Msg, "waiting for the destination") || entry.Msg == "stored figures of days") {
			continue // about all projects
		}
		if entry.RunID == "" || entry.Project != "acme-team-4" || entry.Environment != "live" {
			t.Errorf("it names no run or no project: %s", line)
		}
		if entry.Msg == "retrying a request" || strings.Contains(entry.Msg, "slice") {
			asked++
			if !strings.HasPrefix(entry.Slice, "20") {
				t.Errorf("it names no slice: %s", line)
			}
		}
	}
	if lines < 5 || asked < 3 {
		t.Errorf("only %d lines, and %d about slices: %s", lines, asked, log)
	}
}

// privateText returns the texts of callers and agents, and their numbers.
func privateText(store map[string]rowsOf) (texts []string) {
	for table, columns := range map[string][]string{
		"conversations": {"from_number", "to_number", "customer_number", "summary"},
		"turns":         {"user_input", "agent_response", "user_input_dtmf"},
	} {
		for _, rows := range store[table] {
			for _, row := range rows {
				for _, column := range columns {
					if text, ok := row[column].(string); ok && len(text) >= 8 {
						texts = append(texts, text)
					}
				}
			}
		}
	}
	return texts
}
