package postgres

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// selectAll reads the rows of a table. rest is the query after "FROM table".
func selectAll[R any](ctx context.Context, q querier, t *warehouse.Table[R], rest string, use func(*R), args ...any) error {
	return selectFrom(ctx, q, newCopier(t), t.Name+" "+rest, func(row any) { use(row.(*R)) }, args...)
}

// selectThese reads the rows of a table whose key is the project and one of the
// ids. Each id is one index lookup, independent of the planner's statistics:
// without them, as during a first load, it would scan the whole project.
func selectThese[R any](ctx context.Context, q querier, t *warehouse.Table[R], use func(*R), project string, ids []string) error {
	return selectFrom(ctx, q, newCopier(t), "unnest($2::text[]) AS asked (id) CROSS JOIN LATERAL (SELECT * FROM "+t.Name+
		" WHERE project_id = $1 AND conversation_id = asked.id LIMIT 1) AS found", func(row any) { use(row.(*R)) }, project, ids)
}

// selectFrom reads the columns of a copier.
func selectFrom(ctx context.Context, q querier, t *copier, from string, use func(row any), args ...any) error {
	rows, err := q.Query(ctx, t.queryOf(from), append([]any{pgx.QueryResultFormats{pgx.BinaryFormatCode}}, args...)...)
	if err != nil {
		return err
	}
	return decodeRows(rows, t, use)
}

// queryOf returns the query of the columns of a copier.
func (c *copier) queryOf(from string) string {
	names := make([]string, len(c.columns))
	for i, column := range c.columns {
		names[i] = c.Columns[column].Name
	}
	return "SELECT " + strings.Join(names, ", ") + " FROM " + from
}

// storedKey describes a stored conversation without its rows.
type storedKey struct {
	conversationKey
	erased bool // a tombstone exists: it is never loaded again
	lost   bool // the key is not stored, but its rows may be
}

// known returns the part of the key that decides which version is stored.
func (k *storedKey) known() load.StoredKey {
	return load.StoredKey{
		Place:       load.Place{Environment: k.Environment, StartedAt: k.StartedAt},
		ContentHash: k.ContentHash,
		Lifecycle:   k.Lifecycle,
		Missing:     k.MissingSince.Valid,
		Erased:      k.erased,
	}
}

// storedKeys reads the keys of those conversations that are stored.
func (w *writer) storedKeys(ctx context.Context, project string, rows []*warehouse.Rows) (map[string]storedKey, error) {
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = r.Conversation.ConversationID
	}
	stored := make(map[string]storedKey, len(rows))
	err := selectThese(ctx, w.pool, &conversationKeys, func(k *conversationKey) {
		stored[k.ConversationID] = storedKey{conversationKey: *k}
	}, project, ids)
	if err == nil && w.erased.Load() {
		err = selectThese(ctx, w.pool, &warehouse.Erasures, func(e *warehouse.Erasure) {
			stored[e.ConversationID] = storedKey{erased: true}
		}, project, ids)
	}
	return stored, err
}

// storedRows reads conversations back, in one snapshot.
func (w *writer) storedRows(ctx context.Context, project string, of []conversationKey) (map[string]*warehouse.Rows, error) {
	if len(of) == 0 {
		return nil, nil
	}
	ids, starts := make([]string, len(of)), make([]time.Time, len(of))
	stored := make(map[string]*warehouse.Rows, len(of))
	for i := range of {
		ids[i], starts[i] = of[i].ConversationID, of[i].StartedAt.Time()
	}
	// One round trip instead of two; see byIndex.
	moment := pgx.TxOptions{BeginQuery: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; " + setByIndex}
	err := pgx.BeginTxFunc(ctx, w.pool, moment, func(tx pgx.Tx) error {
		return readBack(ctx, tx, stored, project, ids, starts)
	})
	return stored, err
}

// byIndex makes the planner use indexes for the rest of a transaction. Without
// statistics, as during a first load, it would scan and sort whole months.
func byIndex(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, setByIndex, pgx.QueryExecModeSimpleProtocol)
	return err
}

const setByIndex = "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = on"

// inIndexOrder is [byIndex] for a query that reads the first rows in the order
// of an index: without statistics, the planner would sort a whole month. The cost
// of a sort that remains would make the server compile the query, for seconds.
func inIndexOrder(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off; SET LOCAL jit = off", pgx.QueryExecModeSimpleProtocol)
	return err
}

// readBack reads conversations and then their parts, in the order of their
// keys, in a transaction that uses the indexes, and in one round trip.
func readBack(ctx context.Context, tx pgx.Tx, into map[string]*warehouse.Rows, project string, ids []string, starts []time.Time) error {
	conn, batch := tx.Conn(), &pgconn.Batch{}
	args := [][]byte{[]byte(project), appendList(nil, ids)[4:], binaryTimes(starts)}
	for _, p := range tables {
		prepared, err := conn.Prepare(ctx, "read back "+p.Name, p.readBack) // once per session
		if err != nil {
			return err
		}
		batch.ExecPrepared(prepared.Name, args, binaryFormat, binaryFormat)
	}
	results := conn.PgConn().ExecBatch(ctx, batch)
	for _, p := range tables {
		if !results.NextResult() {
			break // Close returns why
		}
		err := decodeResult(results.ResultReader(), p.copier, func(row any) { p.addTo(into, row) })
		if err != nil {
			return errors.Join(err, results.Close())
		}
	}
	return results.Close()
}

// addTo adds a row that was read to its conversation.
func (p *part) addTo(into map[string]*warehouse.Rows, row any) {
	if p.of == nil {
		c := row.(*warehouse.Conversation)
		into[c.ConversationID] = &warehouse.Rows{Conversation: *c}
		return
	}
	id, _ := p.of.Owner(row)
	if r := into[id]; r != nil {
		p.of.Add(r, row)
	}
}

// orderOf returns the end of an ORDER BY that sorts the rows of a conversation
// by the key of a part, as [warehouse.Part] does.
func orderOf(part *warehouse.Spec) (by string) {
	for _, i := range part.Find(part.Key[2:]...) { // after project and conversation
		by += ", " + part.Columns[i].Name
		if part.Columns[i].Type == warehouse.TypeText {
			by += ` COLLATE "C"`
		}
	}
	return by
}

// partOf returns the FROM clause for a table's rows of conversations: one
// lookup in one partition for each id and start, independent of the planner. A
// list of ids and a list of starts would need a lookup for each combination.
func partOf(table string) string {
	return "unnest($2::text[], $3::timestamptz[]) AS asked (id, at) CROSS JOIN LATERAL (SELECT * FROM " + table +
		" WHERE project_id = $1 AND conversation_id = asked.id AND started_at = asked.at OFFSET 0) AS found"
}
