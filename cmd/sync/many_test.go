package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"convsync/internal/config"
	"convsync/internal/load"
	"convsync/internal/pipeline"
	"convsync/internal/simulate"
	"convsync/internal/warehouse"
)

// TestAHundredProjectsSyncTogether has one whose key was revoked and one whose
// source always fails: each fails alone, with its reason, and the others are
// all there.
func TestAHundredProjectsSyncTogether(t *testing.T) {
	t.Parallel()
	const projects, each = 100, 20
	from := standing.AddDate(0, 0, -3)
	options := simulate.Options{APIKey: "the-right-key", Now: func() time.Time { return standing }}
	for i := range projects {
		options.Projects = append(options.Projects, simulate.Project{
			AccountID:    "acme-uk",
			ID:           fmt.Sprintf("acme-team-%d", i),
			From:         from,
			To:           standing,
			TurnsMean:    2,
			Environments: []simulate.Environment{{Name: "live", Conversations: each}},
		})
	}
	simulator, err := simulate.New(options)
	if err != nil {
		t.Fatal(err)
	}
	source := httptest.NewServer(simulator)
	t.Cleanup(source.Close)
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	t.Cleanup(broken.Close)

	destinations(t, func(t *testing.T, destination string) {
		file := filepath.Join(t.TempDir(), "convsync.yaml")
		var b strings.Builder
		fmt.Fprintf(&b, "source:\n  base_url: %q\n  account_id: acme-uk\n  api_key: the-right-key\n  projects:\n", source.URL)
		for i := range projects {
			more := ""
			switch i {
			case 17:
				more = ", api_key: a-revoked-key"
			case 42:
				more = fmt.Sprintf(", base_url: %q, api_key: the-right-key", broken.URL)
			}
			fmt.Fprintf(&b, "    - { id: acme-team-%d%s }\n", i, more)
		}
		fmt.Fprintf(&b, "destination: { %s }\nsync: { start: %s }\n", destination, from.Format(time.DateOnly))
		writeFile(t, file, b.String())
		cfg, err := config.Load(config.Options{File: file, LookupEnv: func(string) (string, bool) { return "", false }})
		if err != nil {
			t.Fatal(err)
		}
		run, err := newRun(t.Context(), &app{log: slog.New(slog.DiscardHandler)}, cfg, syncOptions{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { run.destination.Close() })
		for i := range run.Feeds {
			run.Feeds[i].Reader.Backoff = time.Millisecond
		}
		report, err := pipeline.Run(t.Context(), run.Options)
		if err != nil || report.Status != warehouse.RunPartial || report.Conversations.Inserted != each*(projects-2) {
			t.Fatalf("%v, %s, %+v", err, report.Status, report.Conversations)
		}
		said := fmt.Sprint(report.Errors)
		for _, want := range []string{"project acme-team-17 (live)", "401", "project acme-team-42 (live)", "503"} {
			if !strings.Contains(said, want) {
				t.Errorf("the reasons do not say %q: %s", want, said)
			}
		}
		if len(report.Errors) != 2 || strings.Contains(said, "revoked-key") {
			t.Errorf("reasons: %s", said)
		}
		for _, p := range report.Projects {
			failed := p.ProjectID == "acme-team-17" || p.ProjectID == "acme-team-42"
			if (p.Watermark == nil) != failed {
				t.Errorf("%s: watermark %v", p.ProjectID, p.Watermark)
			}
		}
		summaries, err := run.destination.Summary(t.Context(), []load.Feed{{ProjectID: "acme-team-99", Environment: "live"}})
		if err != nil || summaries[load.Feed{ProjectID: "acme-team-99", Environment: "live"}].Conversations != each {
			t.Errorf("%v, %v", summaries, err)
		}
	})
}
