package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/parquet"
	"convsync/internal/load/pgtest"
	"convsync/internal/load/postgres"
	"convsync/internal/query"
	"convsync/internal/simulate"
	"convsync/internal/warehouse"
	"convsync/migrations"
)

// view reads a view for analysts, its columns by name, in the order of its key:
// a lake's by DuckDB, a database's by plain SQL.
func view(t *testing.T, name, lake, database string) (rows []map[string]any) {
	t.Helper()
	views := warehouse.Views(warehouse.Postgres)
	spec := views[slices.IndexFunc(views, func(s warehouse.Spec) bool { return s.Name == name })]
	order := " ORDER BY " + strings.Join(spec.Key, ", ")
	var values [][]any
	if lake != "" {
		values = askLake(t, lake, "SELECT * FROM "+name+order)
	} else {
		values = askDatabase(t, database, "SELECT * FROM polyai."+name+order)
	}
	for _, v := range values {
		row := map[string]any{}
		for i, c := range spec.Columns {
			row[c.Name] = plainValue(c.Type, v[i])
		}
		rows = append(rows, row)
	}
	return rows
}

// askLake asks a lake by DuckDB.
func askLake(t *testing.T, lake, statement string) [][]any {
	t.Helper()
	db, err := query.OpenLake(t.Context(), lake)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	result, err := db.Query(t.Context(), statement)
	if err != nil {
		t.Fatal(err)
	}
	return result.Rows
}

// askDatabase asks a database by plain SQL.
func askDatabase(t *testing.T, database, statement string) [][]any {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	found, err := conn.Query(t.Context(), statement)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := pgx.CollectRows(found, func(row pgx.CollectableRow) ([]any, error) { return row.Values() })
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// freshLines are rows of the view freshness as `convsync status` has them.
func freshLines(t *testing.T, config string) (rows []map[string]any) {
	t.Helper()
	var report statusReport
	r := convsync(t, nil, "status", "--config", config, "--output", "json")
	if err := json.Unmarshal([]byte(r.stdout), &report); err != nil {
		t.Fatal(err, r)
	}
	for _, f := range report.Feeds {
		row := map[string]any{
			"project_id": f.ProjectID, "environment": f.Environment, "newest_started_at": orNil(f.Newest), "covered_until": orNil(f.Watermark),
			"open_conversations": int64(f.Open),
			"arrivals":           int64(0), "arrival_p50_seconds": nil, "arrival_p95_seconds": nil, "arrival_p99_seconds": nil,
			"finals": int64(0), "final_p50_seconds": nil, "final_p95_seconds": nil, "final_p99_seconds": nil,
		}
		for _, l := range f.Lateness {
			if l.Measure != load.LateChange {
				row[l.Measure+"s"] = l.Conversations
				row[l.Measure+"_p50_seconds"], row[l.Measure+"_p95_seconds"], row[l.Measure+"_p99_seconds"] = l.P50, l.P95, l.P99
			}
		}
		rows = append(rows, row)
	}
	return rows
}

func orNil(t *time.Time) any {
	if t == nil {
		return nil
	}
	return t.UTC()
}

// TestFreshnessIsTheSameEverywhere follows a source for some hours, and holds
// that the view says the same in both destinations, and what `status` says.
func TestFreshnessIsTheSameEverywhere(t *testing.T) {
	t.Parallel()
	now := time.Now().UTC().Truncate(time.Second)
	var clock atomic.Int64
	project := func(id string, environments ...simulate.Environment) simulate.Project {
		return simulate.Project{
			AccountID:    "acme-uk",
			ID:           id,
			From:         now.Add(-72 * time.Hour),
			To:           now,
			TurnsMean:    2,
			Environments: environments,
		}
	}
	simulator, err := simulate.New(simulate.Options{
		Seed: 5, Now: func() time.Time { return time.Unix(clock.Load(), 0) }, Deviations: simulate.Deviations{LateArrivals: true, NeverEnding: true},
		Projects: []simulate.Project{
			project("acme-team-1", simulate.Environment{Name: "live", Conversations: 3000}, simulate.Environment{Name: "sandbox", Conversations: 400}),
			project("acme-team-2", simulate.Environment{Name: "live", Conversations: 2}),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(simulator)
	t.Cleanup(server.Close)
	lake, database := filepath.Join(t.TempDir(), "lake"), newDatabase(t)
	configs := map[string]string{"Parquet": into(lake), "Postgres": intoPostgres(database)}
	for name, destination := range configs {
		configs[name] = inFolder(t, "convsync.yaml")
		writeFile(t, configs[name], fmt.Sprintf("source: { base_url: %q, account_id: acme-uk, api_key: made-up-key,\n"+
			"  projects: [{ id: acme-team-1, environments: [live, sandbox] }, { id: acme-team-2 }] }\ndestination: { %s }\nsync: { start: %s }\n",
			server.URL, destination, now.AddDate(0, 0, -4).Format(time.DateOnly)))
	}
	for _, ago := range []time.Duration{30 * time.Hour, 3 * time.Hour, 0} {
		clock.Store(now.Add(-ago).Unix())
		for _, config := range configs {
			run(t, config, exitOK)
		}
	}
	inLake, inDatabase := view(t, "freshness", lake, ""), view(t, "freshness", "", database)
	for name, got := range map[string][]map[string]any{"Parquet": inLake, "Postgres": inDatabase} {
		if want := freshLines(t, configs[name]); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: freshness is\n%v\nand status says\n%v", name, got, want)
		}
	}
	for i, row := range inLake { // runs at two moments see things late by some seconds more or less
		for _, column := range []string{"project_id", "environment", "newest_started_at", "covered_until", "arrivals", "finals", "open_conversations"} {
			if other := inDatabase[i][column]; !reflect.DeepEqual(row[column], other) {
				t.Errorf("row %d: %s is %v in the lake and %v in the database", i, column, row[column], other)
			}
		}
	}
	if first := inLake[0]; first["arrivals"].(int64) < 100 || first["open_conversations"].(int64) == 0 || first["arrival_p99_seconds"].(float64) < 3600 {
		t.Errorf("too little happened to compare: %v", first)
	}
}

// TestFreshnessHasThePercentilesOfTheBuckets loads conversations that are late
// by anything from seconds to months.
func TestFreshnessHasThePercentilesOfTheBuckets(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	now := time.Now()
	lake, database := filepath.Join(t.TempDir(), "lake"), newDatabase(t)
	inLake, err := parquet.Open(parquet.Options{Path: lake})
	if err != nil {
		t.Fatal(err)
	}
	inDatabase, err := postgres.Open(t.Context(), postgres.Options{URL: func(context.Context) (string, error) { return database, nil }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { inDatabase.Close() })
	batches := map[load.Feed][]*warehouse.Rows{}
	var feeds []load.Feed
	for i, n := range []int{0, 1, 2, 3, 19, 20, 21, 99, 100, 101} {
		feed := load.Feed{ProjectID: fmt.Sprintf("p-%02d", i), Environment: loadtest.Live}
		feeds = append(feeds, feed)
		for j := range n {
			late := time.Duration(math.Exp(random.Float64()*math.Log(50*24*3600)) * float64(time.Second))
			batches[feed] = append(batches[feed], loadtest.Conversation(feed.ProjectID, fmt.Sprint("c-", j), now.Add(-late), loadtest.Turns(1)))
		}
	}
	for name, destination := range map[string]load.Destination{"Parquet": inLake, "Postgres": inDatabase} {
		loadAll(t, destination, feeds, batches)
		summaries, err := destination.Summary(t.Context(), feeds)
		if err != nil {
			t.Fatal(err)
		}
		rows := map[string]func() []map[string]any{
			"Parquet":  func() []map[string]any { return view(t, "freshness", lake, "") },
			"Postgres": func() []map[string]any { return view(t, "freshness", "", database) },
		}[name]()
		if len(rows) != len(feeds) {
			t.Fatalf("%s: freshness has %d rows", name, len(rows))
		}
		for i, row := range rows {
			for column, share := range map[string]float64{"p50": 0.50, "p95": 0.95, "p99": 0.99} {
				bound, n := load.Late(summaries[feeds[i]].Lateness, load.LateArrival, share)
				want := any(bound.Seconds())
				if n == 0 {
					want = nil
				}
				if got := row["arrival_"+column+"_seconds"]; got != want || row["arrivals"] != n || row["final_"+column+"_seconds"] != got {
					t.Errorf("%s: %s of %d is %v of %v, want %v", name, column, n, got, row["arrivals"], want)
				}
			}
		}
	}
}

// loadAll loads a batch of each feed, as one run.
func loadAll(t testing.TB, destination load.Destination, feeds []load.Feed, batches map[load.Feed][]*warehouse.Rows) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(destination.Prepare(t.Context()))
	w, err := destination.Begin(t.Context(), load.Owner{RunID: "run-1", Started: warehouse.TimestampOf(time.Now())})
	must(err)
	for i, feed := range feeds {
		window := &load.Window{
			ID:        load.WindowID(i),
			Feed:      feed,
			RunID:     "run-1",
			At:        warehouse.TimestampOf(time.Now()),
			Watermark: warehouse.TimestampOf(time.Now()),
		}
		var rows []*warehouse.Rows // the loader owns what it is given
		for _, r := range batches[feed] {
			rows = append(rows, loadtest.Clone(r))
		}
		must(w.Stage(t.Context(), &load.Batch{Window: window.ID, Feed: feed, Rows: rows, LiveSince: 1}))
		_, err := w.Publish(t.Context(), window)
		must(err)
	}
	must(w.Finish(t.Context(), &warehouse.SyncRun{RunID: "run-1", Kind: "incremental", Status: warehouse.RunSucceeded}))
	must(w.Close())
}

// TestAViewComesByMigrate has a database as an older version left it.
func TestAViewComesByMigrate(t *testing.T) {
	t.Parallel()
	_, server := past(t, 50, 2, simulate.Deviations{})
	database := pgtest.URL(t)
	config := configure(t, server.URL, intoPostgres(database))
	statements := []string{"CREATE SCHEMA polyai", "SET search_path = polyai"}
	for _, name := range []string{"00001_tables.sql", "00002_lateness.sql"} {
		text, err := migrations.Files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		statements = append(statements, string(text))
	}
	pgtest.Exec(t, database, append(statements,
		`CREATE TABLE goose_db_version (id integer PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, version_id bigint NOT NULL,
			is_applied boolean NOT NULL, tstamp timestamp NOT NULL DEFAULT now())`,
		"INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, true), (1, true), (2, true)",
		"INSERT INTO conversation_keys (project_id, conversation_id, environment, started_at, lifecycle, content_hash, first_seen_at) VALUES ('acme-team-9', 'c-1', 'live', now(), 'final', '', now())")...)
	convsync(t, nil, "run", "--config", config).want(t, exitFailed, "convsync migrate")
	convsync(t, nil, "status", "--config", config).want(t, exitFailed, "convsync migrate")
	convsync(t, nil, "migrate", "--config", config).want(t, exitOK, "this version supports")
	run(t, config, exitOK)
	if rows := view(t, "freshness", "", database); len(rows) != 1 || rows[0]["newest_started_at"] == nil {
		t.Errorf("freshness is %v", rows)
	}
}

func TestTheDictionaryHasTheViews(t *testing.T) {
	t.Parallel()
	convsync(t, nil, "schema", "freshness").want(t, exitOK, "## freshness", "View.", "arrival_p99_seconds")
	convsync(t, nil, "schema", "freshness", "--output", "json").want(t, exitOK, `"tables": []`, `"views": [`)
	sql := inFolder(t, "tables.sql")
	r := convsync(t, nil, "schema", "--output", "sql")
	r.want(t, exitOK)
	if err := os.WriteFile(sql, []byte(r.stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, pgtest.URL(t), readFile(t, sql)) // it is SQL
}
