package postgres

import (
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/pgtest"
	"convsync/internal/warehouse"
)

// additions are the columns, indexes and tables that docs/postgres.md allows
// users to add.
var additions = []string{
	"CREATE INDEX by_number ON conversations (customer_number)",
	"CREATE UNIQUE INDEX by_link ON turns (project_id, conversation_id, turn_id, started_at)",
	"CREATE VIEW handoffs AS SELECT * FROM conversations WHERE handoff",
	"CREATE MATERIALIZED VIEW numbers AS SELECT customer_number, count(*) FROM conversations GROUP BY 1",
	"ALTER TABLE conversations ADD COLUMN reviewed boolean NOT NULL DEFAULT false, ADD COLUMN reviewer text",
	"ALTER TABLE turns ADD COLUMN words bigint GENERATED ALWAYS AS (array_length(string_to_array(user_input, ' '), 1)) STORED",
	"CREATE TABLE labels (project_id text, conversation_id text, label text, FOREIGN KEY (project_id, conversation_id) REFERENCES conversation_keys ON DELETE CASCADE)",
	`CREATE TABLE reviews (project_id text, conversation_id text, started_at timestamptz,
		FOREIGN KEY (project_id, conversation_id, started_at) REFERENCES conversations ON UPDATE CASCADE ON DELETE CASCADE)`,
	`CREATE TABLE turn_labels (project_id text, conversation_id text, turn_index bigint, started_at timestamptz,
		FOREIGN KEY (project_id, conversation_id, turn_index, started_at) REFERENCES turns ON UPDATE CASCADE)`,
}

// refer adds rows of a user's table that reference a conversation and its
// second turn.
func refer(t *testing.T, database, id string) {
	t.Helper()
	pgtest.Exec(t, inSchema(t, database, "polyai"),
		"INSERT INTO labels VALUES ('p', '"+id+"', 'good')",
		"INSERT INTO reviews SELECT project_id, conversation_id, started_at FROM conversations WHERE conversation_id = '"+id+"'",
		"INSERT INTO turn_labels SELECT project_id, conversation_id, 1, started_at FROM conversations WHERE conversation_id = '"+id+"'",
		"UPDATE conversations SET reviewed = true WHERE conversation_id = '"+id+"'")
}

// references returns the rows of the users' tables, as table and month.
func references(t *testing.T, conn *pgx.Conn) (found []string) {
	t.Helper()
	err := conn.QueryRow(t.Context(), `SELECT coalesce(array_agg(r ORDER BY r), '{}') FROM (
		SELECT 'labels' FROM labels UNION ALL SELECT 'reviews ' || to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM') FROM reviews
		UNION ALL SELECT 'turn_labels ' || to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM') FROM turn_labels
		UNION ALL SELECT 'reviewed' FROM conversations WHERE reviewed) AS all_of (r)`).Scan(&found)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestAdditions(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	pgtest.Exec(t, inSchema(t, database, "polyai"), additions...)
	conn := connect(t, inSchema(t, database, "polyai"))
	w := begin(t, d, "run-1")
	stageOne(t, w, many(5, "before")...)
	refer(t, database, "c-001")
	want := func(stage string, rows ...string) {
		t.Helper()
		if got := references(t, conn); !slices.Equal(got, rows) {
			t.Errorf("%s: the references are %v, want %v", stage, got, rows)
		}
	}
	changed := func(options ...loadtest.Option) *warehouse.Rows {
		return loadtest.Conversation("p", "c-001", loadtest.Noon, append([]loadtest.Option{loadtest.Note("after")}, options...)...)
	}

	stageOne(t, w, changed(loadtest.Turns(5), loadtest.Metrics("1")))
	want("changed", "labels", "reviewed", "reviews 2024-03", "turn_labels 2024-03")
	stageOne(t, w, changed(loadtest.Turns(2)))
	want("with fewer turns", "labels", "reviewed", "reviews 2024-03", "turn_labels 2024-03")

	// The referenced turn is removed: the stored version of the conversation
	// stays.
	if reasons := stageRefusing(t, w, changed(loadtest.Turns(1))); !strings.Contains(reasons["c-001"], "23503") {
		t.Errorf("refused %v", reasons)
	}
	stored := subject{database, "polyai"}.Dump(t).Conversations[[2]string{"p", "c-001"}]
	if diff := loadtest.Diff(changed(loadtest.Turns(2)), stored, loadtest.LoaderSet...); diff != "" {
		t.Errorf("after the refused version: %s", diff)
	}

	moved := loadtest.Conversation("p", "c-001", loadtest.Noon.AddDate(0, 1, 0), loadtest.Turns(2), loadtest.Note("moved"))
	stageOne(t, w, moved)
	want("moved", "labels", "reviewed", "reviews 2024-04", "turn_labels 2024-04")
	if diff := loadtest.Diff(moved, subject{database, "polyai"}.Dump(t).Conversations[[2]string{"p", "c-001"}], loadtest.LoaderSet...); diff != "" {
		t.Errorf("the moved conversation: %s", diff)
	}

	// A month that is created now has the additions, too.
	stageOne(t, w, loadtest.Conversation("p", "c-new", loadtest.Noon.AddDate(0, 5, 0)))
	refer(t, database, "c-new")
	var indexes int
	err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_inherits WHERE inhparent = 'by_number'::regclass").Scan(&indexes)
	if err != nil || indexes != len(partitionsOf(t, conn, "conversations")) {
		t.Errorf("the index has %d partitions, %v", indexes, err)
	}
}

func TestDeleteMissingThatIsReferenced(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	pgtest.Exec(t, inSchema(t, database, "polyai"), additions...)
	w := begin(t, d, "run-1")
	stageOne(t, w, many(6, "")...)
	refer(t, database, "c-002") // whose turn is referenced without ON DELETE CASCADE
	var missing []load.Key
	for _, r := range many(6, "")[1:] {
		missing = append(missing, load.Key{ID: r.Conversation.ConversationID, StartedAt: r.Conversation.StartedAt})
	}
	counts, err := w.Publish(t.Context(), &load.Window{
		ID:            2,
		Feed:          feed,
		RunID:         "run-1",
		At:            77,
		Missing:       missing,
		DeleteMissing: true,
	})
	if err != nil || counts.Missing != 5 {
		t.Fatalf("counted %+v, %v; want 5 missing", counts, err)
	}
	dump := subject{database, "polyai"}.Dump(t)
	kept := dump.Conversations[[2]string{"p", "c-002"}]
	if len(dump.Conversations) != 2 || kept == nil || kept.Conversation.MissingSince != warehouse.Some(warehouse.Timestamp(77)) {
		t.Errorf("%d are stored, and the one that is referenced is %+v; want it marked", len(dump.Conversations), kept)
	}
	operations := map[string]int{}
	for _, c := range dump.Changes {
		if c.ConversationID != "c-000" {
			operations[c.Operation]++
		}
	}
	if operations[warehouse.OperationDelete] != 4 || operations[warehouse.OperationUpsert] != 6 {
		t.Errorf("the changes are %v", operations)
	}
}

func TestJoinReadsOnlyTheMonths(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	w := begin(t, d, "run-1")
	for i := range 6 { // March to August
		stageOne(t, w, loadtest.Conversation("p", "c", loadtest.Noon.AddDate(0, i, 0)))
	}
	conn := connect(t, inSchema(t, database, "polyai"))
	rows, err := conn.Query(t.Context(), `EXPLAIN SELECT c.variant_name, count(*)
		FROM conversations c JOIN turns t USING (project_id, conversation_id, started_at)
		WHERE c.started_at >= '2024-07-01' AND t.started_at >= '2024-07-01' AND c.started_at < '2024-08-01' AND t.started_at < '2024-08-01' GROUP BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	plan := strings.Join(lines, "\n")
	if err != nil || !strings.Contains(plan, "turns_2024_07") || strings.Contains(plan, "2024_08") || strings.Contains(plan, "2024_03") || strings.Contains(plan, "2015") {
		t.Errorf("%v: the plan reads other months:\n%s", err, plan)
	}
}

// A repair of rows keeps what users added to them.
func TestMendThatIsReferenced(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		damage string
		reseal bool
	}{
		"Lifecycle":  {damage: "UPDATE conversations SET lifecycle = 'open' WHERE conversation_id = 'c-001'"},
		"Reseal":     {damage: "UPDATE turns SET user_input = 'by hand' WHERE conversation_id = 'c-001' AND turn_index = 0", reseal: true},
		"SecondCopy": {damage: "INSERT INTO conversations SELECT (jsonb_populate_record(c, jsonb_build_object('started_at', c.started_at + interval '1 hour', 'reviewed', false))).* FROM conversations c WHERE conversation_id = 'c-001'"},
		"Orphans":    {damage: "ALTER TABLE turns DROP COLUMN words; INSERT INTO turns SELECT (jsonb_populate_record(c, jsonb_build_object('started_at', c.started_at + interval '1 hour'))).* FROM turns c WHERE conversation_id = 'c-001'"},
		"Key":        {damage: "UPDATE conversation_keys SET lifecycle = 'open' WHERE conversation_id = 'c-001'"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, database := prepared(t)
			pgtest.Exec(t, inSchema(t, database, "polyai"), additions...)
			conn := connect(t, inSchema(t, database, "polyai"))
			w := begin(t, d, "run-1")
			stageOne(t, w, many(3, "")...)
			refer(t, database, "c-001")
			pgtest.Exec(t, inSchema(t, database, "polyai"), c.damage)
			start := many(3, "")[1].Conversation.StartedAt
			m := &load.Mending{ProjectID: "p", RunID: "run-1", At: 77, Ranges: []load.Range{{From: start - 1e12, Until: start + 1e12}}}
			if c.reseal {
				m.Reseal = []load.Key{{ID: "c-001", StartedAt: start}}
			}
			if _, err := w.Mend(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			want := []string{"labels", "reviewed", "reviews 2024-03", "turn_labels 2024-03"}
			if got := references(t, conn); !slices.Equal(got, want) {
				t.Errorf("the references are %v, want %v", got, want)
			}
			err := d.Audit(t.Context(), "p", start-1e12, start+1e12, func(f load.Fault) error {
				t.Errorf("left: %+v", f)
				return nil
			})
			stored := subject{database, "polyai"}.Dump(t).Conversations[[2]string{"p", "c-001"}]
			if err != nil || stored.Hash() != stored.Conversation.ContentHash || len(stored.Turns) != 3 {
				t.Errorf("%v: stored is %+v", err, stored)
			}
		})
	}
}
