package main

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"convsync/internal/config"
	"convsync/internal/load"
	"convsync/internal/simulate"
	"convsync/internal/warehouse"
)

// TestPoisonedConversations loads conversations that are no JSON, and JSON that
// is nested very deeply, behind a byte order mark: the others are the truth, in
// both destinations alike.
func TestPoisonedConversations(t *testing.T) {
	t.Parallel()
	const n = 300
	simulator, err := simulate.New(simulate.Options{
		Seed: 11, Now: func() time.Time { return standing }, ByteOrderMark: true,
		Projects: []simulate.Project{{
			AccountID:    "acme-uk",
			ID:           "acme-team-4",
			From:         standing.AddDate(0, 0, -20),
			To:           standing.Add(time.Minute),
			TurnsMean:    2,
			Environments: []simulate.Environment{{Name: "live", Conversations: n}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for index, p := range map[int]simulate.Poison{10: simulate.PoisonNaN, 100: simulate.PoisonDeep, 150: simulate.PoisonLineBreak, 299: simulate.PoisonNaN} {
		if err := simulator.Override("acme-team-4", "live", index, simulate.Override{Poison: p}); err != nil {
			t.Fatal(err)
		}
	}
	server := httptest.NewServer(simulator)
	t.Cleanup(server.Close)
	lake, database := filepath.Join(t.TempDir(), "lake"), newDatabase(t)
	stores := map[string]map[string]rowsOf{}
	for name, file := range map[string]string{
		"Parquet":  configure(t, server.URL, into(lake)),
		"Postgres": configure(t, server.URL, intoPostgres(database)),
	} {
		if first := run(t, file, exitPartial); first.Conversations.Rejected < 3 || first.Conversations.Inserted < n-3 {
			t.Errorf("%s: %+v", name, first.Conversations)
		}
		if second := run(t, file, exitOK); second.Conversations.Inserted+second.Conversations.Updated > 0 {
			t.Errorf("%s: the second run wrote %+v", name, second.Conversations)
		}
		if p := verifyAll(t, file, exitOK).Projects[0]; p.Listed != n-3 || p.Same != n-3 || len(p.Findings) > 0 {
			t.Errorf("%s: verified %+v", name, p)
		}
		if name == "Parquet" {
			stores[name] = readLake(t, lake)
		} else {
			stores[name] = readDatabase(t, database)
		}
	}
	for truth := range simulator.Truth("acme-team-4", "live", standing) {
		for name, store := range stores {
			sameRows(t, name, truth.ID, "conversations", []map[string]any{truth.Conversation}, store["conversations"][truth.ID])
			sameRows(t, name, truth.ID, "turns", truth.Turns, store["turns"][truth.ID])
		}
	}
	sameStores(t, stores["Parquet"], stores["Postgres"])
}

// TestHolesAreShown: status and verify name the seconds that are set aside.
func TestHolesAreShown(t *testing.T) {
	t.Parallel()
	destinations(t, func(t *testing.T, destination string) {
		_, server := past(t, 100, 2, simulate.Deviations{})
		file := configure(t, server.URL, destination)
		run(t, file, exitOK)
		at := standing.AddDate(0, 0, -3)
		storeHole(t, file, at)
		shown := convsync(t, nil, "status", "--config", file)
		shown.want(t, exitOK, "hole", at.Format(time.RFC3339), "tried 3 times", "answered 500, made up")
		if strings.Contains(shown.stdout, "not read yet      "+at.Format(time.RFC3339)) {
			t.Errorf("a hole is shown as a gap: %s", shown.stdout)
		}
		var status struct {
			Projects []struct{ Holes []holeStatus }
		}
		r := convsync(t, nil, "status", "--config", file, "--output", "json")
		if err := json.Unmarshal([]byte(r.stdout), &status); err != nil || len(status.Projects[0].Holes) != 1 || !status.Projects[0].Holes[0].From.Equal(at) {
			t.Errorf("%v, %s", err, r.stdout)
		}
		convsync(t, nil, "verify", "--config", file, "--from", "2026-06-10", "--to", "2026-06-14", "--log-level", "error").
			want(t, exitOK, at.Format(time.RFC3339)+" is not verified", "no differences")
	})
}

// storeHole stores a hole as a run would.
func storeHole(t *testing.T, file string, at time.Time) {
	t.Helper()
	cfg, err := config.Load(config.Options{File: file, LookupEnv: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	d, err := openDestination(t.Context(), cfg, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	w, err := d.Begin(t.Context(), load.Owner{RunID: "holes", Started: warehouse.TimestampOf(standing)})
	if err != nil {
		t.Fatal(err)
	}
	f := load.Feed{ProjectID: "acme-team-4", Environment: "live"}
	_, err = w.Publish(t.Context(), &load.Window{
		ID:    1,
		Feed:  f,
		RunID: "holes",
		At:    warehouse.TimestampOf(standing),
		Holes: []warehouse.Hole{{
			ProjectID:   f.ProjectID,
			Environment: f.Environment,
			From:        warehouse.TimestampOf(at),
			Until:       warehouse.TimestampOf(at.Add(time.Second)),
			Reason:      "answered 500, made up",
			FirstSeenAt: 1,
			LastTriedAt: 2,
			Tries:       3,
			NextTryAt:   warehouse.TimestampOf(standing),
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Finish(context.WithoutCancel(t.Context()), &warehouse.SyncRun{RunID: "holes", Kind: "incremental", Status: warehouse.RunSucceeded, StartedAt: warehouse.TimestampOf(standing)}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}
