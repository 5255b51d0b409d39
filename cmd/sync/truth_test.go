package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load/loadtest"
	"convsync/internal/load/pgtest"
	"convsync/internal/query"
	"convsync/internal/simulate"
	"convsync/internal/warehouse"
)

// The made-up past that the tests sync: the service's clock stands still.
var standing = time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)

// past simulates n conversations of the twenty days before standing.
func past(t testing.TB, n int, turns float64, d simulate.Deviations) (*simulate.Simulator, *httptest.Server) {
	t.Helper()
	return since(t, n, standing.AddDate(0, 0, -20), turns, d)
}

// since simulates n conversations from a time to standing.
func since(t testing.TB, n int, from time.Time, turns float64, d simulate.Deviations) (*simulate.Simulator, *httptest.Server) {
	t.Helper()
	simulator, err := simulate.New(simulate.Options{
		Seed: 11, Deviations: d, Now: func() time.Time { return standing },
		Projects: []simulate.Project{{
			AccountID:    "acme-uk",
			ID:           "acme-team-4",
			From:         from,
			To:           standing.Add(time.Minute),
			TurnsMean:    turns,
			Environments: []simulate.Environment{{Name: "live", Conversations: n}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(simulator)
	t.Cleanup(server.Close)
	return simulator, server
}

// configure writes a configuration that reads a source into a destination.
func configure(t testing.TB, url, destination string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "convsync.yaml")
	text := fmt.Sprintf(`
source: { base_url: %q, account_id: acme-uk, api_key: made-up-key, projects: [{ id: acme-team-4 }] }
destination: { %s }
sync: { start: %s }
`, url, destination, standing.AddDate(0, 0, -21).Format(time.DateOnly))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func into(lake string) string { return fmt.Sprintf("parquet: { path: %q }", lake) }

func intoPostgres(url string) string { return fmt.Sprintf("postgres: { url: %q }", url) }

// summary has the fields that the tests use of `run --output json`.
type summary struct {
	Status        string
	Requests      int64
	Conversations struct{ Read, Inserted, Updated, Unchanged, Rejected int64 }
	Rows          map[string]int64
}

func run(t testing.TB, config string, code int) summary {
	t.Helper()
	r := convsync(t, nil, "run", "--config", config, "--output", "json", "--log-level", "error")
	var s summary
	if err := json.Unmarshal([]byte(r.stdout), &s); err != nil || r.code != code {
		t.Fatalf("exit code %d, want %d; %v\nstdout: %s\nstderr: %s", r.code, code, err, r.stdout, r.stderr)
	}
	if c := s.Conversations; c.Read != c.Inserted+c.Updated+c.Unchanged+c.Rejected {
		t.Errorf("what was read is not explained: %+v", c)
	}
	return s
}

// TestBothDestinationsHoldTheTruth loads the same conversations, with every
// deviation, into Parquet and into Postgres, and compares both with what the
// simulator meant, and with each other, value by value.
func TestBothDestinationsHoldTheTruth(t *testing.T) {
	t.Parallel()
	n := 20_000
	if loadtest.Raced {
		n = 4_000
	}
	simulator, server := past(t, n, 5, simulate.AllDeviations())
	lake, database := filepath.Join(t.TempDir(), "lake"), pgtest.URL(t)
	stores := map[string]map[string]rowsOf{}
	for name, config := range map[string]string{
		"Parquet":  configure(t, server.URL, into(lake)),
		"Postgres": configure(t, server.URL, intoPostgres(database)),
	} {
		first := run(t, config, exitPartial) // some of it cannot be read, by design
		if want := int64(simulator.Unreadable("acme-team-4", "live", standing)); first.Conversations.Rejected < want || want == 0 {
			t.Errorf("%s: %d rejects, want %d", name, first.Conversations.Rejected, want)
		}
		second := run(t, config, exitOK)
		if c := second.Conversations; c.Inserted+c.Updated != 0 || len(second.Rows) != 0 {
			t.Errorf("%s: the second run wrote %+v", name, second)
		}
		if name == "Parquet" {
			stores[name] = readLake(t, lake)
		} else {
			stores[name] = readDatabase(t, database)
		}
	}
	held := 0
	for truth := range simulator.Truth("acme-team-4", "live", standing) {
		held++
		for name, store := range stores {
			sameRows(t, name, truth.ID, "conversations", []map[string]any{truth.Conversation}, store["conversations"][truth.ID])
			sameRows(t, name, truth.ID, "turns", truth.Turns, store["turns"][truth.ID])
			sameRows(t, name, truth.ID, "turn_entities", truth.Entities, store["turn_entities"][truth.ID])
			sameRows(t, name, truth.ID, "conversation_metrics", truth.Metrics, store["conversation_metrics"][truth.ID])
		}
	}
	if held < n*9/10 {
		t.Fatalf("the truth has only %d conversations", held)
	}
	for name, store := range stores {
		if got := len(store["conversations"]); got != held {
			t.Errorf("%s holds %d conversations, want %d", name, got, held)
		}
	}
	sameStores(t, stores["Parquet"], stores["Postgres"])
}

// rowsOf are a table's rows by conversation, in the order of their key.
type rowsOf map[string][]map[string]any

// compared are the tables of conversations, with the order of their rows.
var compared = map[string]string{
	"conversations": "conversation_id", "turns": "conversation_id, turn_index",
	"turn_entities":        "conversation_id, turn_index, name COLLATE \"C\", ordinal",
	"conversation_metrics": "conversation_id, name COLLATE \"C\", ordinal",
	"audio_references":     "conversation_id, direction, redacted",
}

func specOf(table string) warehouse.Spec {
	specs := warehouse.Specs()
	return specs[slices.IndexFunc(specs, func(s warehouse.Spec) bool { return s.Name == table })]
}

// readLake reads a lake by DuckDB, as an analyst would.
func readLake(t *testing.T, path string) map[string]rowsOf {
	t.Helper()
	db, err := query.OpenLake(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	store := map[string]rowsOf{}
	for table, order := range compared {
		var columns []string
		for _, c := range specOf(table).Columns {
			columns = append(columns, c.Name)
		}
		order = strings.ReplaceAll(order, " COLLATE \"C\"", "")
		result, err := db.Query(t.Context(), "SELECT "+strings.Join(columns, ", ")+" FROM "+table+" ORDER BY "+order)
		if err != nil {
			t.Fatal(err)
		}
		store[table] = byConversation(table, result.Rows)
	}
	return store
}

// readDatabase reads a schema by plain SQL; JSON as its text.
func readDatabase(t *testing.T, url string) map[string]rowsOf {
	t.Helper()
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	store := map[string]rowsOf{}
	for table, order := range compared {
		var columns []string
		for _, c := range specOf(table).Columns {
			if c.Type == warehouse.TypeJSON {
				c.Name += "::text"
			}
			columns = append(columns, c.Name)
		}
		rows, err := conn.Query(ctx, "SELECT "+strings.Join(columns, ", ")+" FROM polyai."+table+" ORDER BY "+order)
		if err != nil {
			t.Fatal(err)
		}
		values, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) ([]any, error) { return row.Values() })
		if err != nil {
			t.Fatal(err)
		}
		store[table] = byConversation(table, values)
	}
	return store
}

func byConversation(table string, rows [][]any) rowsOf {
	columns := specOf(table).Columns
	out := rowsOf{}
	for _, values := range rows {
		row := make(map[string]any, len(columns))
		for i, c := range columns {
			row[c.Name] = plainValue(c.Type, values[i])
		}
		id := row["conversation_id"].(string)
		out[id] = append(out[id], row)
	}
	return out
}

// plainValue is a value as the truth states it, whatever read it.
func plainValue(typ warehouse.Type, v any) any {
	switch v := v.(type) {
	case time.Time:
		return v.UTC()
	case []any:
		list := make([]string, len(v))
		for i := range v {
			list[i] = v[i].(string)
		}
		return list
	case string:
		if typ == warehouse.TypeJSON {
			return jsonValue(v)
		}
	}
	return v
}

// jsonValue is a JSON document as a value, its numbers exact.
func jsonValue(text string) any {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return fmt.Sprintf("%v: %s", err, text)
	}
	return exactNumbers(v)
}

func exactNumbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		n, ok := new(big.Rat).SetString(v.String())
		if !ok {
			return "no number: " + v.String()
		}
		return "number " + n.RatString()
	case []any:
		for i := range v {
			v[i] = exactNumbers(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = exactNumbers(v[name])
		}
	}
	return v
}

// sameRows compares the columns that the truth states.
func sameRows(t *testing.T, store, id, table string, want, got []map[string]any) {
	t.Helper()
	if len(want) != len(got) {
		t.Fatalf("%s: %q has %d rows in %s, want %d", store, id, len(got), table, len(want))
	}
	for i := range want {
		for column, wanted := range want[i] {
			if text, ok := wanted.(simulate.JSON); ok {
				wanted = jsonValue(string(text))
			}
			if value := got[i][column]; !reflect.DeepEqual(value, wanted) {
				t.Fatalf("%s: %q, %s[%d].%s is %.200v (%T), want %.200v (%T)", store, id, table, i, column, value, value, wanted, wanted)
			}
		}
	}
}

// sameStores compares all columns but those that tell runs apart.
func sameStores(t *testing.T, a, b map[string]rowsOf) {
	t.Helper()
	for table := range compared {
		if !slices.Equal(slices.Sorted(maps.Keys(a[table])), slices.Sorted(maps.Keys(b[table]))) {
			t.Errorf("%s holds other conversations in one than in the other", table)
		}
		for id, rows := range a[table] {
			others := b[table][id]
			if len(rows) != len(others) {
				t.Fatalf("%s of %q: %d rows and %d", table, id, len(rows), len(others))
			}
			for i, row := range rows {
				for column, value := range row {
					if !slices.Contains([]string{"first_seen_at", "updated_at", "run_id"}, column) && !reflect.DeepEqual(value, others[i][column]) {
						t.Fatalf("%s of %q: %s is %.200v in one and %.200v in the other", table, id, column, value, others[i][column])
					}
				}
			}
		}
	}
}
