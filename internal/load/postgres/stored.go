package postgres

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// selectAll reads the rows of a table. rest is the query after "FROM table".
func selectAll[R any](ctx context.Context, q querier, t *warehouse.Table[R], rest string, use func(*R), args ...any) error {
	return selectFrom(ctx, q, t, t.Name+" "+rest, use, args...)
}

// selectThese reads the rows of a table whose key is the project and one of the
// ids. Each id is one index lookup, independent of the planner's statistics:
// without them, as during a first load, it would scan the whole project.
func selectThese[R any](ctx context.Context, q querier, t *warehouse.Table[R], use func(*R), project string, ids []string) error {
	return selectFrom(ctx, q, t, "unnest($2::text[]) AS asked (id) CROSS JOIN LATERAL (SELECT * FROM "+t.Name+
		" WHERE project_id = $1 AND conversation_id = asked.id LIMIT 1) AS found", use, project, ids)
}

func selectFrom[R any](ctx context.Context, q querier, t *warehouse.Table[R], from string, use func(*R), args ...any) error {
	query := "SELECT " + strings.Join(t.Names(), ", ") + " FROM " + from
	rows, err := q.Query(ctx, query, append([]any{pgx.QueryResultFormats{pgx.BinaryFormatCode}}, args...)...)
	if err != nil {
		return err
	}
	return decodeRows(rows, t, use)
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
	moment := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, w.pool, moment, func(tx pgx.Tx) error {
		if err := byIndex(ctx, tx); err != nil {
			return err
		}
		return readBack(ctx, tx, stored, project, ids, starts)
	})
	return stored, err
}

// byIndex makes the planner use indexes for the rest of a transaction. Without
// statistics, as during a first load, it would scan and sort whole months.
func byIndex(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = on", pgx.QueryExecModeSimpleProtocol)
	return err
}

// inIndexOrder is [byIndex] for a query that reads the first rows in the order
// of an index: without statistics, the planner would sort a whole month.
func inIndexOrder(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off", pgx.QueryExecModeSimpleProtocol)
	return err
}

// readBack reads conversations and then their parts, in the order of their
// keys, in a transaction that uses the indexes.
func readBack(ctx context.Context, tx pgx.Tx, into map[string]*warehouse.Rows, project string, ids []string, starts []time.Time) error {
	b := &backReader{ctx: ctx, tx: tx, args: []any{project, ids, starts}}
	readPart(b, &warehouse.Conversations, "conversation_id", func(c *warehouse.Conversation) {
		into[c.ConversationID] = &warehouse.Rows{Conversation: *c}
	})
	readPart(b, &warehouse.Turns, "conversation_id, turn_index", func(t *warehouse.Turn) {
		if r := into[t.ConversationID]; r != nil {
			r.Turns = append(r.Turns, *t)
		}
	})
	readPart(b, &warehouse.Entities, `conversation_id, turn_index, name COLLATE "C", ordinal`, func(e *warehouse.Entity) {
		if r := into[e.ConversationID]; r != nil {
			r.Entities = append(r.Entities, *e)
		}
	})
	readPart(b, &warehouse.Metrics, `conversation_id, name COLLATE "C", ordinal`, func(m *warehouse.Metric) {
		if r := into[m.ConversationID]; r != nil {
			r.Metrics = append(r.Metrics, *m)
		}
	})
	readPart(b, &warehouse.AudioReferences, "conversation_id, direction, redacted", func(a *warehouse.AudioReference) {
		if r := into[a.ConversationID]; r != nil {
			r.Audio = append(r.Audio, *a)
		}
	})
	return b.err
}

// backReader reads the parts of the conversations of args (project, ids and
// starts), until an error.
type backReader struct {
	ctx  context.Context
	tx   pgx.Tx
	args []any
	err  error
}

func readPart[R any](b *backReader, t *warehouse.Table[R], order string, use func(*R)) {
	if b.err == nil {
		b.err = selectFrom(b.ctx, b.tx, t, partOf(t.Name)+" ORDER BY "+order, use, b.args...)
	}
}

// partOf returns the FROM clause for a table's rows of conversations: one
// lookup in one partition for each id and start, independent of the planner. A
// list of ids and a list of starts would need a lookup for each combination.
func partOf(table string) string {
	return "unnest($2::text[], $3::timestamptz[]) AS asked (id, at) CROSS JOIN LATERAL (SELECT * FROM " + table +
		" WHERE project_id = $1 AND conversation_id = asked.id AND started_at = asked.at OFFSET 0) AS found"
}
