package main

import (
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"convsync/internal/polyai"
	"convsync/internal/simulate"
)

func TestTheDemoAnswersItsQuestionsTwice(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lake")
	readAll := regexp.MustCompile(`\d{3,} conversations read`)
	for i := range 2 {
		r := convsync(t, nil, "demo", "--path", path, "--conversations", "600", "--log-level", "error")
		r.want(t, exitOK, "Tables:", "p95_seconds", "handoff_rate", "hidden_transcripts", "Next steps:", "succeeded",
			"report --config "+filepath.Join(path, "convsync.yaml")+" -o report.html", "transcript --config ")
		if all := readAll.MatchString(r.stdout); all != (i == 0) {
			t.Errorf("time %d, it reads everything: %t: %s", i, all, r.stdout)
		}
		if strings.Contains(r.stdout, "convsync status") {
			t.Errorf("time %d, it names a command that needs a configuration: %s", i, r.stdout)
		}
		convsync(t, nil, "query", "--config", filepath.Join(path, "convsync.yaml"), "--name", "drop-off").want(t, exitOK, "28 local days", "ended_share")
		if strings.Contains(r.stdout, "drift") || strings.Contains(r.stdout, "rejected") {
			t.Errorf("time %d, it deviates without having been asked to: %s", i, r.stdout)
		}
	}
}

func TestTheDemoDeviatesWhenAskedTo(t *testing.T) {
	t.Parallel()
	r := convsync(t, nil, "demo", "--path", filepath.Join(t.TempDir(), "lake"), "--conversations", "300", "--deviations", "--log-level", "error")
	r.want(t, exitPartial, "Tables:", "occurrences of schema drift", "rejected")
}

// TestTheDemoHasOpenConversationsAtAnyHour looks at the quietest one.
func TestTheDemoHasOpenConversationsAtAnyHour(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 3, 30, 0, 0, time.UTC) // Monday
	options := demoSource(now, demoOptions{conversations: 10_000})
	options.Now = func() time.Time { return now }
	simulator, err := simulate.New(options)
	if err != nil {
		t.Fatal(err)
	}
	source := httptest.NewServer(simulator)
	t.Cleanup(source.Close)
	client, err := polyai.New(polyai.Options{
		BaseURL: source.URL, APIVersion: "v3", Key: func(context.Context, bool) (string, error) { return "made-up", nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	open := 0
	for day := now.AddDate(0, 0, -7); day.Before(now); day = day.AddDate(0, 0, 1) {
		page, err := client.List(t.Context(), polyai.ListQuery{
			AccountID:   "acme-uk",
			ProjectID:   "acme-demo",
			Environment: "live",
			Start:       day,
			End:         day.AddDate(0, 0, 1),
			Limit:       1000,
		})
		if err != nil {
			t.Fatal(err)
		}
		for v, err := page.Next(); !errors.Is(err, io.EOF); v, err = page.Next() {
			if err != nil {
				t.Fatal(err)
			}
			if c, err := polyai.Decode(v); err == nil && c.InProgress.V {
				open++
			}
		}
		if err := page.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if open < 2 {
		t.Errorf("%d are open", open)
	}
}

func TestWhatIsToBeTypedStartsTheProgram(t *testing.T) {
	t.Parallel()
	none := func(string) (string, error) { return "", errors.New("not found") }
	found := func(name string) (string, error) { return "/usr/bin/" + name, nil }
	if got := programName(none, "bin/convsync"); got != "bin/convsync" {
		t.Errorf("off the PATH it is %s", got)
	}
	if got := programName(found, "bin/convsync"); got != "convsync" {
		t.Errorf("on the PATH it is %s", got)
	}
}
