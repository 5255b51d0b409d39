package postgres

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load/loadtest"
	"convsync/internal/warehouse"
)

// inflicted has the statements that cause a damage, for the conversation of a
// project ($1), an id ($2) and a start ($3).
var inflicted = map[loadtest.Damage][]string{
	loadtest.DamageOrphan: {
		"INSERT INTO turns (project_id, conversation_id, turn_index, started_at) SELECT $1, 'orphan of ' || $2, n, $3 FROM generate_series(0, 2) n",
	},
	loadtest.DamageOtherStart: {duplicate("turns", "interval '1 hour'")},
	loadtest.DamageCopy:       duplicateAll("interval '5 days'"),
	loadtest.DamageLifecycle:  {"UPDATE conversations SET lifecycle = 'open'" + thisOne},
	loadtest.DamageUnqueued:   {"DELETE FROM open_conversations" + thisOne},
	loadtest.DamageQueued: {
		"INSERT INTO open_conversations (project_id, environment, conversation_id, started_at, first_seen_at) VALUES ($1, 'live', $2, $3, $3)",
	},
	loadtest.DamageNoKey:     {"DELETE FROM conversation_keys" + thisOne},
	loadtest.DamageKey:       {"UPDATE conversation_keys SET content_hash = 'changed', started_at = started_at + interval '40 days'" + thisOne},
	loadtest.DamageNoRow:     {"DELETE FROM conversations" + thisOne},
	loadtest.DamageTombstone: {"INSERT INTO erasures (project_id, conversation_id, erased_at, run_id) VALUES ($1, $2, $3, 'by-hand')"},
}

const thisOne = " WHERE project_id = $1 AND conversation_id = $2 AND started_at = $3"

func duplicateAll(later string) (statements []string) {
	for _, table := range partitioned {
		statements = append(statements, duplicate(table, later))
	}
	return statements
}

// duplicate copies the rows of a conversation in a table to a later start.
func duplicate(table, later string) string {
	return "INSERT INTO " + table + " SELECT (jsonb_populate_record(t, jsonb_build_object('started_at', t.started_at + " + later + "))).* FROM " + table + " t" + thisOne
}

// Inflict implements [loadtest.Subject].
func (s subject) Inflict(t testing.TB, d loadtest.Damage, of *warehouse.Rows) bool {
	t.Helper()
	statements, possible := inflicted[d]
	if !possible {
		return false
	}
	conn, err := pgx.Connect(t.Context(), inSchema(t, s.url, s.schema))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	c := &of.Conversation
	for _, statement := range statements {
		tag, err := conn.Exec(t.Context(), statement, c.ProjectID, c.ConversationID, c.StartedAt.Time())
		if err != nil || tag.RowsAffected() == 0 {
			t.Fatalf("%s: %v, %v", statement, tag, err)
		}
	}
	return true
}
