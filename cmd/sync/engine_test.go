package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"convsync/internal/load/pgtest"
	"convsync/internal/load/postgres"
	"convsync/internal/query"
	"convsync/internal/simulate"
)

// template is a database as `convsync migrate` leaves it. Some tests begin with an empty
// one instead.
var template = pgtest.Template{Prepare: func(database string) error {
	ctx := context.Background() // it outlives the test that needs it first
	d, err := postgres.Open(ctx, postgres.Options{URL: func(context.Context) (string, error) { return database, nil }})
	if err != nil {
		return err
	}
	return errors.Join(d.Prepare(ctx), d.Close())
}}

// newDatabase creates a database with our tables, and returns its URL.
func newDatabase(tb testing.TB) string { return template.URL(tb) }

// destinations runs a test for both.
func destinations(t *testing.T, test func(t *testing.T, destination string)) {
	t.Helper()
	t.Run("Parquet", func(t *testing.T) {
		t.Parallel()
		test(t, into(filepath.Join(t.TempDir(), "lake")))
	})
	t.Run("Postgres", func(t *testing.T) {
		t.Parallel()
		test(t, intoPostgres(newDatabase(t)))
	})
}

// verifyReport has the members of `verify --output json` that the tests read.
type verifyReport struct {
	Projects []struct {
		Listed, Stored, Same int64
		Missing              int64 `json:"missing_at_source"`
		Findings             []struct {
			ID   string `json:"conversation_id"`
			Kind string
		}
	}
}

func verifyAll(t *testing.T, config string, code int, more ...string) verifyReport {
	t.Helper()
	args := append([]string{"verify", "--config", config, "--output", "json", "--log-level", "error",
		"--from", standing.AddDate(0, 0, -20).Format("2006-01-02"), "--to", standing.AddDate(0, 0, 1).Format("2006-01-02")}, more...)
	r := convsync(t, nil, args...)
	var p verifyReport
	if err := json.Unmarshal([]byte(r.stdout), &p); err != nil || r.code != code {
		t.Fatalf("exit code %d, want %d; %v\nstdout: %s\nstderr: %s", r.code, code, err, r.stdout, r.stderr)
	}
	return p
}

func TestVerifyFindsNothingWhereAllIsWell(t *testing.T) {
	t.Parallel()
	_, server := past(t, 1500, 3, simulate.AllDeviations())
	destinations(t, func(t *testing.T, destination string) {
		config := configure(t, server.URL, destination)
		run(t, config, exitPartial) // some of it cannot be read, by design
		p := verifyAll(t, config, exitOK).Projects[0]
		if p.Listed < 1400 || p.Stored != p.Listed || len(p.Findings) != 0 {
			t.Errorf("%+v", p)
		}
	})
}

func TestVerifyFindsWhatChangedAtTheSourceAndRepairsIt(t *testing.T) {
	t.Parallel()
	destinations(t, func(t *testing.T, destination string) {
		simulator, server := past(t, 600, 3, simulate.Deviations{})
		config := configure(t, server.URL, destination)
		run(t, config, exitOK)
		simulator.Override("acme-team-4", "live", 100, simulate.Override{Note: "a made-up note"})
		simulator.Override("acme-team-4", "live", 200, simulate.Override{Remove: true})
		simulator.Override("acme-team-4", "live", 300, simulate.Override{HideTranscript: true})
		kinds := map[string]int{}
		for _, f := range verifyAll(t, config, exitPartial).Projects[0].Findings {
			kinds[f.Kind]++
		}
		if len(kinds) != 2 || kinds["differs"] != 2 || kinds["not_listed"] != 1 {
			t.Errorf("found %v", kinds)
		}
		verifyAll(t, config, exitOK, "--repair")
		if p := verifyAll(t, config, exitOK).Projects[0]; p.Missing != 1 {
			t.Errorf("after the repair %+v", p)
		}
	})
}

func TestVerifyRepairLeavesWhatIsListedThoughItCannotBeRead(t *testing.T) {
	t.Parallel()
	destinations(t, func(t *testing.T, destination string) {
		var start atomic.Pointer[string]
		say := func(s string) { start.Store(&s) }
		say("2026-06-14T10:00:00Z")
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", standing.Format(http.TimeFormat))
			fmt.Fprintf(w, `{"conversations":[{"id":"made-up-1","started_at":%q},{"id":"made-up-2","started_at":"2026-06-14T11:00:00Z"}]}`, *start.Load())
		}))
		t.Cleanup(server.Close)
		config := configure(t, server.URL, destination)
		run(t, config, exitOK)
		say("soon")
		if found := verifyAll(t, config, exitOK, "--repair").Projects[0].Findings; len(found) != 0 {
			t.Errorf("found %v", found)
		}
		say("2026-06-14T10:00:00Z")
		if p := verifyAll(t, config, exitOK).Projects[0]; p.Missing != 0 || p.Same != 2 {
			t.Errorf("afterwards %+v", p)
		}
	})
}

func TestVerifyFindsWhatWasTamperedWithAndNothingElse(t *testing.T) {
	t.Parallel()
	_, server := past(t, 600, 3, simulate.Deviations{})
	t.Run("Postgres", func(t *testing.T) {
		t.Parallel()
		database := newDatabase(t)
		config := configure(t, server.URL, intoPostgres(database))
		run(t, config, exitOK)
		const pick = "(SELECT conversation_id FROM polyai.conversations WHERE turns_loaded > 1 ORDER BY conversation_id OFFSET %d LIMIT 1)"
		pgtest.Exec(t, database,
			"UPDATE polyai.turns SET agent_response = 'never said' WHERE turn_index = 0 AND conversation_id = "+fmt.Sprintf(pick, 10),
			"DELETE FROM polyai.turns WHERE turn_index = 1 AND conversation_id = "+fmt.Sprintf(pick, 20),
			"UPDATE polyai.conversations SET handoff = NOT coalesce(handoff, false) WHERE conversation_id = "+fmt.Sprintf(pick, 30),
			"DELETE FROM polyai.conversations WHERE conversation_id = "+fmt.Sprintf(pick, 40))
		wantTampered(t, config, map[string]int{"tampered": 3, "not_stored": 1})
	})
	t.Run("Parquet", func(t *testing.T) {
		t.Parallel()
		lake := filepath.Join(t.TempDir(), "lake")
		config := configure(t, server.URL, into(lake))
		run(t, config, exitOK)
		tamper(t, lake, "turns", "UPDATE t SET agent_response = 'never said' WHERE turn_index = 0 AND conversation_id = (SELECT min(conversation_id) FROM t)")
		tamper(t, lake, "conversations", "UPDATE t SET handoff = NOT coalesce(handoff, false) WHERE conversation_id = (SELECT max(conversation_id) FROM t)")
		wantTampered(t, config, map[string]int{"tampered": 2})
	})
}

// wantTampered holds that verify finds so many of each kind, and mends them.
func wantTampered(t *testing.T, config string, want map[string]int) {
	t.Helper()
	kinds := map[string]int{}
	for _, f := range verifyAll(t, config, exitPartial).Projects[0].Findings {
		kinds[f.Kind]++
	}
	if !maps.Equal(kinds, want) {
		t.Errorf("found %v, want %v", kinds, want)
	}
	verifyAll(t, config, exitOK, "--repair")
	verifyAll(t, config, exitOK)
}

// tamper changes the newest file of a table of a lake by DuckDB, as somebody
// with a tool would.
func tamper(t *testing.T, lake, table, statement string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(lake, table, "*", "*", "*.parquet"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	file := slices.Max(files)
	db, err := query.OpenLake(t.Context(), lake)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range []string{
		fmt.Sprintf("CREATE TABLE tampered AS SELECT * FROM read_parquet('%s', hive_partitioning = false)", file),
		strings.ReplaceAll(statement, "t SET", "tampered SET"),
		fmt.Sprintf("COPY (SELECT * FROM tampered) TO '%s' (FORMAT parquet, COMPRESSION zstd)", file),
	} {
		if _, err := db.Query(t.Context(), strings.ReplaceAll(s, "FROM t)", "FROM tampered)")); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReplayLoadsWhatCanBeReadByNow(t *testing.T) {
	t.Parallel()
	database := newDatabase(t)
	_, server := past(t, 300, 3, simulate.Deviations{Unreadable: true})
	config := configure(t, server.URL, intoPostgres(database))
	run(t, config, exitPartial)
	// An earlier version could not read these; this one can.
	pgtest.Exec(t, database, `UPDATE polyai.rejects SET payload = jsonb_build_object('id', 'REPLAYED-' || reject_id, 'started_at', '2026-06-10T00:00:00Z')::text
		WHERE reject_id = (SELECT min(reject_id) FROM polyai.rejects)`)
	r := convsync(t, nil, "replay", "--config", config)
	r.want(t, exitOK, "1 conversation read, all new")
	again := convsync(t, nil, "replay", "--config", config)
	again.want(t, exitOK, "no conversations read")
	if !strings.Contains(convsync(t, nil, "status", "--config", config).stdout, "replay") {
		t.Error("the log of runs does not have it")
	}
}
