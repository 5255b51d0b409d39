package main

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"convsync/internal/simulate"
)

// TestMissingLimit: one day of many comes back empty. Nothing of it is deleted
// until a person runs the command that the run prints.
func TestMissingLimit(t *testing.T) {
	t.Parallel()
	destinations(t, func(t *testing.T, destination string) {
		const all = 600
		simulator, server := past(t, all, 2, simulate.Deviations{})
		file := configure(t, server.URL, destination)
		writeFile(t, file, strings.Replace(readFile(t, file), "sync: { ", "sync: { on_missing: delete, lookback: { each_run: 480h, hourly: 480h, daily: 480h }, ", 1))
		run(t, file, exitOK)
		day, removed := standing.AddDate(0, 0, -7).Truncate(24*time.Hour), 0
		for truth := range simulator.Truth("acme-team-4", "live", standing) {
			at := truth.Conversation["started_at"].(time.Time)
			if at.Before(day) || !at.Before(day.AddDate(0, 0, 1)) {
				continue
			}
			removed++
			if err := simulator.Override("acme-team-4", "live", truth.Index, simulate.Override{Remove: true}); err != nil {
				t.Fatal(err)
			}
		}
		if removed < 10 {
			t.Fatalf("%d conversations of a day show nothing", removed)
		}
		r := convsync(t, nil, "run", "--config", file)
		r.want(t, exitPartial, fmt.Sprintf("all %d of %s", removed, day.Format(time.DateOnly)))
		if n := stored(t, file); n != all {
			t.Errorf("%d conversations are stored, want all %d", n, all)
		}
		command := regexp.MustCompile("`convsync (verify --repair [^`]*)`").FindStringSubmatch(r.stderr)
		if command == nil {
			t.Fatalf("nothing says how to confirm it: %s", r.stderr)
		}
		convsync(t, nil, append(strings.Fields(command[1]), "--config", file)...).want(t, exitOK)
		if n := stored(t, file); n != all-removed {
			t.Errorf("%d conversations are stored after it was confirmed, want %d", n, all-removed)
		}
		run(t, file, exitOK)
	})
}

func statusOf(t *testing.T, file string) (report statusReport) {
	t.Helper()
	r := convsync(t, nil, "status", "--config", file, "--output", "json")
	if err := json.Unmarshal([]byte(r.stdout), &report); err != nil {
		t.Fatal(err, r)
	}
	return report
}

// stored is how many conversations status counts.
func stored(t *testing.T, file string) (n int) {
	t.Helper()
	for _, f := range statusOf(t, file).Feeds {
		n += int(f.Conversations)
	}
	return n
}

func TestClockWarning(t *testing.T) {
	t.Parallel()
	simulator, err := simulate.New(simulate.Options{
		Projects: []simulate.Project{{
			AccountID: "acme-uk", ID: "acme-team-4", TurnsMean: 2, Environments: []simulate.Environment{{Name: "live", Conversations: 50}},
		}},
		Faults: simulate.Faults{DateAhead: 8 * time.Hour},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(simulator)
	t.Cleanup(server.Close)
	file := configure(t, server.URL, into(filepath.Join(t.TempDir(), "lake")))
	const warning = "the clock of the source is 8h0m0s ahead of the clock of this machine"
	convsync(t, nil, "check", "--config", file).want(t, exitOK, "note  clock        acme-team-4 (live): "+warning)
	convsync(t, nil, "run", "--config", file).want(t, exitOK, "attention: 1 warning in the log", warning)
	convsync(t, nil, "status", "--config", file).want(t, exitOK, "warning of the last run: "+warning)
	if at := *statusOf(t, file).Feeds[0].Watermark; at.After(time.Now()) {
		t.Errorf("the watermark is %v", at)
	}
}

// TestOtherForm: a project that is configured with the other form of its id is
// refused, and continues after the fix in the hint.
func TestOtherForm(t *testing.T) {
	t.Parallel()
	destinations(t, func(t *testing.T, destination string) {
		const slug, prefixed = "acme-team-4", "PROJECT-58RP822I"
		simulator, err := simulate.New(simulate.Options{
			Projects: []simulate.Project{{
				AccountID:    "acme-uk",
				ID:           prefixed,
				Alias:        slug,
				TurnsMean:    2,
				Environments: []simulate.Environment{{Name: "live", Conversations: 50}},
			}},
		})
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(simulator)
		t.Cleanup(server.Close)
		file := configure(t, server.URL, destination)
		text := readFile(t, file)
		name := func(entry string) { writeFile(t, file, strings.Replace(text, "{ id: acme-team-4 }", entry, 1)) }
		run(t, file, exitOK)

		hint := fmt.Sprintf("`{id: %s, as: %s}`", prefixed, slug)
		name("{ id: " + prefixed + " }")
		convsync(t, nil, "check", "--config", file).want(t, exitUsage, "FAIL  projects     project "+prefixed+" is the same project as "+slug, hint)
		convsync(t, nil, "run", "--config", file).want(t, exitFailed, hint)
		convsync(t, nil, "run", "--config", file, "--dry-run").want(t, exitFailed, hint)
		name("{ id: " + prefixed + ", as: " + slug + " }")
		convsync(t, nil, "check", "--config", file).want(t, exitOK)
		if s := run(t, file, exitOK); s.Conversations.Inserted > 0 {
			t.Errorf("%d conversations were loaded again", s.Conversations.Inserted)
		}
	})
}
