package postgres

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/pgtest"
	"convsync/internal/warehouse"
)

var feed = load.Feed{ProjectID: "p", Environment: loadtest.Live}

// stageOne stages and publishes the rows as one window.
func stageOne(t testing.TB, w load.Writer, rows ...*warehouse.Rows) load.Counts {
	t.Helper()
	copies := make([]*warehouse.Rows, len(rows))
	for i := range rows {
		copies[i] = loadtest.Clone(rows[i])
	}
	if err := w.Stage(t.Context(), &load.Batch{Window: 1, Feed: feed, Rows: copies}); err != nil {
		t.Fatal(err)
	}
	counts, err := w.Publish(t.Context(), &load.Window{ID: 1, Feed: feed})
	if err != nil {
		t.Fatal(err)
	}
	return counts
}

func runRow(o load.Owner) *warehouse.SyncRun {
	return &warehouse.SyncRun{RunID: o.RunID, Kind: "incremental", Status: warehouse.RunSucceeded, StartedAt: o.Started}
}

func begin(t testing.TB, d load.Destination, run string, projects ...string) load.Writer {
	t.Helper()
	w, err := d.Begin(t.Context(), load.Owner{RunID: run, Actor: "ada", Host: "host.example.com"}, projects...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func TestUnchangedConversationsCostNoWrite(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	hidden := loadtest.Hidden(warehouse.Some(int64(3)))
	var first, again []*warehouse.Rows
	for _, id := range []string{"c-1", "c-2", "c-3"} {
		first = append(first, loadtest.Conversation("p", id, loadtest.Noon))
		again = append(again, loadtest.Conversation("p", id, loadtest.Noon))
	}
	again[2] = loadtest.Conversation("p", "c-3", loadtest.Noon, hidden) // the stored transcript stays
	loadOne(t, d, first...)
	loadOne(t, d, again[2]) // changes its transcript_status, once
	w := begin(t, d, "run-2")
	conn := connect(t, inSchema(t, database, "polyai"))
	before := rowVersions(t, conn)
	if c := stageOne(t, w, again...); c.Unchanged != 3 || len(c.Rows) != 0 {
		t.Errorf("counted %+v, want 3 unchanged and no row", c)
	}
	if !slices.Equal(before, rowVersions(t, conn)) {
		t.Error("rows were written or locked")
	}
}

// rowVersions returns the positions of all rows of all tables, and the
// transactions that wrote or locked them.
func rowVersions(t *testing.T, conn *pgx.Conn) (versions []string) {
	t.Helper()
	names := []string{"conversation_keys"}
	for _, s := range warehouse.Specs() {
		names = append(names, s.Name)
	}
	for _, name := range names {
		rows, err := conn.Query(t.Context(), "SELECT $1 || ' ' || tableoid || ' ' || ctid || ' ' || xmin || ' ' || xmax FROM "+name+" ORDER BY 1", name)
		if err != nil {
			t.Fatal(err)
		}
		found, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		versions = append(versions, found...)
	}
	return versions
}

func TestPartitionOfMonth(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	at := func(text string) time.Time {
		moment, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		return moment
	}
	starts := map[string]string{
		"2024-03-01T00:00:00Z": "2024_03", "2024-03-31T23:59:59.999999Z": "2024_03", "2024-04-01T00:00:00Z": "2024_04",
		"2015-01-01T00:00:00Z": "2015_01", "2099-12-31T23:59:59.999999Z": "2099_12",
		"2014-12-31T23:59:59Z": "before_2015", "2100-01-01T00:00:00Z": "from_2100", "0001-01-01T00:00:00Z": "before_2015", "9999-12-31T23:59:59Z": "from_2100",
	}
	var rows []*warehouse.Rows
	for start := range starts {
		rows = append(rows, loadtest.Conversation("p", start, at(start)))
	}
	loadOne(t, d, rows...)
	conn := connect(t, inSchema(t, database, "polyai"))
	for _, table := range partitioned {
		for start, month := range starts {
			var found []string
			err := conn.QueryRow(t.Context(), "SELECT array_agg(DISTINCT tableoid::regclass::text) FROM "+table+" WHERE conversation_id = $1", start).Scan(&found)
			if err != nil || !slices.Equal(found, []string{table + "_" + month}) {
				t.Errorf("%s of %s are in %v, %v", table, start, found, err)
			}
		}
	}
	// A corrected start moves all rows of the conversation.
	loadOne(t, d, loadtest.Conversation("p", "2024-03-01T00:00:00Z", at("2024-04-30T23:59:59Z")))
	for _, table := range partitioned {
		var months int
		err := conn.QueryRow(t.Context(), "SELECT count(DISTINCT tableoid) FROM "+table+" WHERE conversation_id = '2024-03-01T00:00:00Z'").Scan(&months)
		if err != nil || months != 1 {
			t.Errorf("%s of a conversation that moved are in %d months, %v", table, months, err)
		}
	}
}

func TestErasedIsNotLoadedAgain(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	pgtest.Exec(t, inSchema(t, database, "polyai"), "INSERT INTO erasures VALUES ('p', 'c-1', now(), NULL, 'run-0')")
	c := loadOne(t, d, loadtest.Conversation("p", "c-1", loadtest.Noon), loadtest.Conversation("p", "c-2", loadtest.Noon))
	if stored := (subject{database, "polyai"}).Dump(t).Conversations; len(stored) != 1 || c.Inserted != 1 {
		t.Errorf("%d are stored, counted %+v", len(stored), c)
	}
}

func TestStage_Concurrent(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	w := begin(t, d, "run-1")
	ids := []string{"c-1", "c-2", "c-3", "c-4", "c-5", "c-6", "c-7", "c-8"}
	const rounds = 12
	for round := range rounds {
		results := make(chan error)
		for who := range 3 {
			var rows []*warehouse.Rows
			for i := range ids { // each in a different order
				note := strings.Repeat("x", round*3+who+1)
				rows = append(rows, loadtest.Conversation("p", ids[(i*(2*who+1))%len(ids)], loadtest.Noon.AddDate(0, who, 0), loadtest.Note(note)))
			}
			go func() {
				results <- w.Stage(context.WithoutCancel(t.Context()), &load.Batch{Window: load.WindowID(who), Feed: feed, Rows: rows})
			}()
		}
		for range 3 {
			if err := <-results; err != nil {
				t.Fatal(err)
			}
		}
	}
	dump := subject{database, "polyai"}.Dump(t) // fails if anything is stored twice
	if len(dump.Conversations) != len(ids) {
		t.Errorf("%d conversations are stored, want %d", len(dump.Conversations), len(ids))
	}
	for key, r := range dump.Conversations {
		if r.Hash() != r.Conversation.ContentHash {
			t.Errorf("conversation %q is incomplete", key)
		}
	}
}

func TestValuesOfEveryKindSurviveTheServer(t *testing.T) {
	t.Parallel()
	d, _ := prepared(t)
	row := warehouse.Turn{
		ProjectID:          "p",
		ConversationID:     "c",
		TurnIndex:          math.MaxInt64,
		StartedAt:          warehouse.TimestampOf(loadtest.Noon),
		TurnID:             warehouse.Some(int64(math.MinInt64)),
		UserInput:          "é\x01\x7f\u2028😀\"\\\t\n",
		UserInputAt:        warehouse.Some(warehouse.Timestamp(-1)),
		LatencySeconds:     warehouse.Some(math.Copysign(0, -1)),
		ResponseGapSeconds: warehouse.Some(math.Inf(-1)),
		IsOOD:              warehouse.Some(false),
		BargeIn:            warehouse.Some(true),
		Intents:            warehouse.List{"", "a,b", "{}", "NULL", `"`},
		Extra:              `{"a":[1.50,1e300,null],"b":{"c":"\u0001"}}`,
	}
	empty := warehouse.Turn{ProjectID: "p", ConversationID: "c", StartedAt: row.StartedAt, Intents: warehouse.List{}}
	null := warehouse.Turn{ProjectID: "p", ConversationID: "c", TurnIndex: 1, StartedAt: row.StartedAt}
	want := []warehouse.Turn{empty, null, row}
	var got []warehouse.Turn
	err := pgx.BeginFunc(t.Context(), d.pool, func(tx pgx.Tx) error {
		if err := attach(t.Context(), tx, periodOf(loadtest.Noon), partitioned); err != nil {
			return err
		}
		if _, err := copyRows(t.Context(), tx, newCopier(&warehouse.Turns), []any{&want[0], &want[1], &want[2]}); err != nil {
			return err
		}
		return selectAll(t.Context(), tx, &warehouse.Turns, "ORDER BY turn_index", func(r *warehouse.Turn) { got = append(got, *r) })
	})
	if err != nil {
		t.Fatal(err)
	}
	wrap := func(turns []warehouse.Turn) *warehouse.Rows { return &warehouse.Rows{Turns: turns} }
	if diff := loadtest.Diff(wrap(want), wrap(got)); diff != "" {
		t.Error(diff)
	}
	if got[0].Intents == nil || got[1].Intents != nil {
		t.Errorf("an empty list came back as %#v, and NULL as %#v", got[0].Intents, got[1].Intents)
	}
}
