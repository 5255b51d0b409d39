package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load/loadtest"
	"convsync/internal/simulate"
	"convsync/internal/warehouse"
)

// analystsPast simulates conversations, with every deviation, around the days on which
// the clocks change: in autumn in London, in spring in New York.
func analystsPast(t *testing.T, live int) *httptest.Server {
	t.Helper()
	project := func(id string, from time.Time) simulate.Project {
		return simulate.Project{
			AccountID: "acme-uk",
			ID:        id,
			From:      from,
			To:        from.AddDate(0, 0, 12),
			TurnsMean: 4,
			Environments: []simulate.Environment{
				{Name: "live", Conversations: live}, {Name: "sandbox", Conversations: live / 4},
			},
		}
	}
	simulator, err := simulate.New(simulate.Options{
		Seed: 14, Deviations: simulate.AllDeviations(), Now: func() time.Time { return standing },
		Projects: []simulate.Project{
			project("acme-team-4", time.Date(2025, 10, 24, 0, 0, 0, 0, time.UTC)),
			project("acme-team-5", time.Date(2026, 2, 27, 0, 0, 0, 0, time.UTC)),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(simulator)
	t.Cleanup(server.Close)
	return server
}

// TestViews compares each row of each view of a lake and of a database.
func TestViews(t *testing.T) {
	t.Parallel()
	n := 800
	if loadtest.Raced {
		n = 240
	}
	lake, database, configs := analystsDestinations(t, n)
	sameViews(t, lake, database)
	sameQuestions(t, configs)
	pruneMonths(t, database)
	pruneFiles(t, lake)
}

// analystsDestinations loads the same conversations into a lake and a database, each with
// a configuration.
func analystsDestinations(t *testing.T, n int) (lake, database string, configs []string) {
	t.Helper()
	server := analystsPast(t, n)
	lake, database = filepath.Join(t.TempDir(), "lake"), newDatabase(t)
	for _, destination := range []string{into(lake), intoPostgres(database)} {
		config := inFolder(t, "convsync.yaml")
		writeFile(t, config, fmt.Sprintf(`
source: { base_url: %q, account_id: acme-uk, api_key: made-up-key, projects: [
  { id: acme-team-4, time_zone: Europe/London, environments: [live, sandbox] },
  { id: acme-team-5, time_zone: America/New_York, environments: [live, sandbox] } ] }
destination: { %s }
sync: { start: 2025-10-20, lookback: { each_run: 6000h, hourly: 6000h, daily: 6000h } }
`, server.URL, destination))
		run(t, config, exitPartial) // some of it cannot be read, by design
		configs = append(configs, config)
	}
	return lake, database, configs
}

// byStart are the views whose started_at is the column by which tables are divided.
var byStart = []string{"contacts", "callbacks", "utterances", "latency_turns", "transcript_gaps"}

const inMarch = " WHERE started_at >= '2026-03-02 00:00:00+00' AND started_at < '2026-03-05 00:00:00+00'"

// pruneMonths checks that Postgres reads only the months of a range. The next contact
// of a customer is at most 30 days later.
func pruneMonths(t *testing.T, database string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if _, err := conn.Exec(t.Context(), "SET search_path = polyai; SET enable_partitionwise_join = on"); err != nil {
		t.Fatal(err)
	}
	month := regexp.MustCompile(` on (conversations|turns)_(\d{4}_\d{2})`)
	for _, view := range byStart {
		rows, err := conn.Query(t.Context(), "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) SELECT * FROM "+view+inMarch)
		if err != nil {
			t.Fatal(view, err)
		}
		plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(view, err)
		}
		read := map[string]bool{}
		for _, line := range plan {
			if m := month.FindStringSubmatch(line); m != nil && !strings.Contains(line, "never executed") {
				read[m[1]+" "+m[2]] = true
			}
		}
		for part := range read {
			if !strings.HasSuffix(part, "2026_03") && part != "conversations 2026_04" {
				t.Errorf("%s reads %s:\n%s", view, part, strings.Join(plan, "\n"))
			}
		}
		if len(read) == 0 {
			t.Errorf("%s: no month in the plan\n%s", view, strings.Join(plan, "\n"))
		}
	}
}

// scan is an operator of DuckDB's profile.
type scan struct {
	Rows     int64  `json:"operator_cardinality"`
	Operator string `json:"operator_type"`
	Info     struct {
		Function, Filters any
		Files             any `json:"Filename(s)"`
	} `json:"extra_info"`
	Children []scan
}

// pruneFiles checks that DuckDB reads only the turns of a range, of local days with a
// day more at each end. It does not for the next contacts in callbacks, whose starts are
// not in the filter.
func pruneFiles(t *testing.T, lake string) {
	t.Helper()
	days, around := strings.ReplaceAll(inMarch, "started_at", "day"), " WHERE started_at >= '2026-03-01 00:00:00+00' AND started_at < '2026-03-06 00:00:00+00'"
	for view, in := range map[string][2]string{
		"contacts": {inMarch, inMarch}, "utterances": {inMarch, inMarch}, "latency_turns": {inMarch, inMarch},
		"daily_kpis": {days, around}, "variant_comparison": {days, around}, "latency_hourly": {strings.ReplaceAll(inMarch, "started_at", "local_hour"), around},
	} {
		most := askLake(t, lake, "SELECT count(*) FROM turns"+in[1])[0][0].(int64)
		var plan scan
		text := askLake(t, lake, "EXPLAIN (ANALYZE, FORMAT json) SELECT * FROM "+view+in[0])[0][1].(string)
		if err := json.Unmarshal([]byte(text), &plan); err != nil {
			t.Fatal(err)
		}
		scans := 0
		var visit func(*scan)
		visit = func(s *scan) {
			if strings.Contains(fmt.Sprint(s.Info.Files), "/turns/") {
				if scans++; s.Rows > most {
					t.Errorf("%s reads %d turns, want at most %d", view, s.Rows, most)
				}
			}
			for i := range s.Children {
				visit(&s.Children[i])
			}
		}
		visit(&plan)
		if scans == 0 {
			t.Errorf("%s: no file in the plan\n%s", view, text)
		}
	}
}

// sameViews compares all views. The text of a row has all its values, so that floats
// must be equal to the last bit.
func sameViews(t *testing.T, lake, database string) {
	t.Helper()
	duck := openViews(t, lake, "Europe/London")
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	// The zones of sessions must not change what a view returns.
	if _, err := conn.Exec(t.Context(), "SET search_path = polyai; SET TimeZone = 'Australia/Sydney'; SET jit = off"); err != nil {
		t.Fatal(err)
	}
	for _, view := range warehouse.Views(warehouse.Postgres) {
		statement := "SELECT " + strings.Join(view.Names(), ", ") + " FROM " + view.Name
		began := time.Now()
		inLake := askViews(t, duck, statement)
		lakeTook := time.Since(began)
		inDatabase := askSession(t, conn, statement)
		t.Logf("%s: %d rows, %v in DuckDB, %v in Postgres", view.Name, len(inDatabase), lakeTook, time.Since(began)-lakeTook)
		a, b := rowTexts(view.Columns, inLake), rowTexts(view.Columns, inDatabase)
		if len(a) == 0 {
			t.Errorf("%s has no rows", view.Name)
		}
		if !slices.Equal(a, b) {
			t.Errorf("%s has %d rows in the lake and %d in the database; differences:\n%s\n%s", view.Name, len(a), len(b), extra(a, b), extra(b, a))
		}
	}
}

// openViews opens a lake by its views.sql, in a session with a time zone.
func openViews(t *testing.T, lake, zone string) *sql.DB {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(1) // SET is per connection
	for _, statement := range []string{"SET TimeZone = '" + zone + "'", "SET file_search_path = '" + lake + "'", readFile(t, filepath.Join(lake, "views.sql"))} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	return db
}

func askSession(t *testing.T, conn *pgx.Conn, statement string) [][]any {
	t.Helper()
	rows, err := conn.Query(t.Context(), statement)
	if err != nil {
		t.Fatal(statement, err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) ([]any, error) { return row.Values() })
	if err != nil {
		t.Fatal(statement, err)
	}
	return found
}

func askViews(t *testing.T, db *sql.DB, statement string) (rows [][]any) {
	t.Helper()
	found, err := db.QueryContext(t.Context(), statement)
	if err != nil {
		t.Fatal(statement, err)
	}
	defer found.Close()
	columns, err := found.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for found.Next() {
		row, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := found.Scan(into...); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	return rows
}

// rowTexts returns the sorted texts of rows, with the names of the columns.
func rowTexts(columns []warehouse.ColumnSpec, rows [][]any) []string {
	texts := make([]string, 0, len(rows))
	for _, row := range rows {
		var b strings.Builder
		for i, c := range columns {
			fmt.Fprintf(&b, "%s=%#v ", c.Name, plainValue(c.Type, row[i]))
		}
		texts = append(texts, b.String())
	}
	slices.Sort(texts)
	return texts
}

// extra returns the first of the texts that others lack.
func extra(texts, others []string) string {
	for _, text := range texts {
		if _, found := slices.BinarySearch(others, text); !found {
			return text
		}
	}
	return ""
}
