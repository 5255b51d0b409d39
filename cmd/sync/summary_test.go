package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/pipeline"
	"convsync/internal/polyai"
	"convsync/internal/simulate"
)

func TestSummary(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC)
	early, late := began.Add(-time.Hour), began
	one := []pipeline.Project{{ProjectID: "sales", Environment: "live", Watermark: &late, Open: 2}}
	refused := &pipeline.FeedError{Feed: load.Feed{ProjectID: "sales", Environment: "live"}, Err: &polyai.APIError{Status: 401, Hint: "check the key"}}
	for name, c := range map[string]struct {
		report *pipeline.Report
		want   string
	}{
		"FirstLoad": {&pipeline.Report{
			Status:        "succeeded",
			StateKnown:    true,
			FirstLoad:     true,
			Requests:      24,
			Projects:      one,
			Conversations: pipeline.Conversations{Read: 10_500, Inserted: 10_000, Unchanged: 500},
		},
			"succeeded in 2s: 10500 conversations read, 10000 new, 500 read twice; 24 requests\n" +
				"sales (live): complete until 2026-06-01T08:00:00Z, 2 open\nnothing needs attention\n"},
		"AllNew": {&pipeline.Report{
			Status:        "succeeded",
			StateKnown:    true,
			FirstLoad:     true,
			Requests:      1,
			Projects:      one,
			Conversations: pipeline.Conversations{Read: 7, Inserted: 7},
		},
			"succeeded in 2s: 7 conversations read, all new; 1 request\n" +
				"sales (live): complete until 2026-06-01T08:00:00Z, 2 open\nnothing needs attention\n"},
		"LaterRun": {&pipeline.Report{
			Status:     "partial",
			StateKnown: true,
			Requests:   2,
			Retries:    1,
			Missing:    1,
			Drift:      3,
			Warnings:   []string{"x"},
			Projects:   append([]pipeline.Project{{ProjectID: "care", Environment: "live", Watermark: &early, Open: 1}}, one...),
			Conversations: pipeline.Conversations{
				Read:      9,
				Inserted:  1,
				Updated:   2,
				Unchanged: 5,
				Rejected:  1,
			},
		},
			"partial in 2s: 9 conversations read, 1 new, 2 changed, 5 unchanged, 1 no longer listed, 1 rejected; 2 requests, 1 retry\n" +
				"2 feeds: complete until 2026-06-01T07:00:00Z (care (live) is furthest behind), 3 open\n" +
				"attention: 1 warning in the log; 3 occurrences of schema drift (status)\n"},
		"Failed": {&pipeline.Report{
			Status:     "failed",
			StateKnown: true,
			Requests:   1,
			Projects:   []pipeline.Project{{ProjectID: "sales", Environment: "live"}},
			Errors:     []error{refused, refused},
		},
			"failed in 2s: no conversations read; 1 request\nsales (live): not complete yet, 0 open\n" +
				"attention: project sales (live): the source refused the key (401) (check the key), and 1 other project\n"},
		"NoProject": {&pipeline.Report{Status: "failed", Errors: []error{errors.New("disk full")}},
			"failed in 2s: no conversations read; 0 requests\nno project was read\nattention: see the error below\n"},
		"DestinationDown": {stateless(pipeline.CodeDestination),
			"failed in 2s: no conversations read; 0 requests\n" +
				"the destination could not be read, so it is not known until when the data is complete\nattention: see the error below\n"},
		"Locked": {stateless(pipeline.CodeLocked),
			"failed in 2s: no conversations read; 0 requests\n" +
				"the destination was not read, because another run writes one of the projects\nattention: see the error below\n"},
		"Interrupted": {stateless(pipeline.CodeInterrupted),
			"failed in 2s: no conversations read; 0 requests\n" +
				"the destination was not read, because the run was interrupted\nattention: see the error below\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.report.StartedAt, c.report.FinishedAt = began, began.Add(2*time.Second)
			var said strings.Builder
			printSummary(&said, c.report, " (status)")
			if said.String() != c.want {
				t.Errorf("it says\n%swant\n%s", said.String(), c.want)
			}
		})
	}
}

// stateless is the report of a run that ended before it read the destination.
func stateless(code string) *pipeline.Report {
	return &pipeline.Report{
		Status: "failed", Error: &pipeline.Failure{Code: code}, Errors: []error{errors.New("why")},
		Projects: []pipeline.Project{{ProjectID: "sales", Environment: "live", Status: pipeline.NotRun}},
	}
}

// TestRunOutput checks that off a terminal nothing is printed twice, and what
// --quiet leaves.
func TestRunOutput(t *testing.T) {
	t.Parallel()
	now := time.Now() // by both clocks
	simulator, err := simulate.New(simulate.Options{Seed: 3, Now: func() time.Time { return now }, Projects: []simulate.Project{{
		AccountID:    "acme-uk",
		ID:           "acme-team-4",
		From:         now.AddDate(0, 0, -20),
		To:           now.AddDate(0, 0, -1),
		TurnsMean:    3,
		Environments: []simulate.Environment{{Name: "live", Conversations: 50}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	good, bad := httptest.NewServer(simulator), newServer(t, http.StatusUnauthorized)
	t.Cleanup(good.Close)
	lake := func() string { return into(filepath.Join(t.TempDir(), "lake")) }

	quiet := convsync(t, nil, "run", "--quiet", "--config", configure(t, good.URL, lake()))
	if quiet.want(t, exitOK); quiet.stdout+quiet.stderr != "" {
		t.Errorf("a quiet run that succeeds prints %q, %q", quiet.stdout, quiet.stderr)
	}
	if r := convsync(t, nil, "run", "--config", configure(t, good.URL, lake())); strings.Count(r.stdout, "\n") != 3 || r.stderr != "" {
		t.Errorf("a run that succeeds prints %q, %q", r.stdout, r.stderr)
	}
	for _, args := range [][]string{{"run"}, {"run", "--quiet"}, {"run", "--output", "json"}} {
		r := convsync(t, nil, append(args, "--config", configure(t, bad, lake()))...)
		r.want(t, exitFailed, "refused the key")
		if n := strings.Count(r.stderr, "refused the key"); n != 1 || strings.Count(r.stdout, "refused the key") > 1 {
			t.Errorf("%v: stderr says %d times why: %s\nstdout: %s", args, n, r.stderr, r.stdout)
		}
	}
}
