package postgres

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"convsync/internal/warehouse"
)

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// selectAll reads the rows of a table that the rest of the query, behind
// FROM table, leaves.
func selectAll[R any](ctx context.Context, q querier, t *warehouse.Table[R], rest string, use func(*R), args ...any) error {
	return selectFrom(ctx, q, t, t.Name+" "+rest, use, args...)
}

// selectThese reads the rows of a table whose key is the project and one of
// the ids. Each id is one probe of the index, whatever the planner thinks:
// without statistics, as during a first load, it would walk all of the project.
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

// storedKey is what is known of a stored conversation without reading it.
type storedKey struct {
	conversationKey
	erased bool // there is a tombstone: it must not be loaded again
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
	if err == nil && w.erased {
		err = selectThese(ctx, w.pool, &warehouse.Erasures, func(e *warehouse.Erasure) {
			stored[e.ConversationID] = storedKey{erased: true}
		}, project, ids)
	}
	return stored, err
}

// storedRows reads conversations back, of one moment.
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
		return readBack(ctx, tx, stored, project, ids, distinct(starts))
	})
	return stored, err
}

// readBack reads conversations and then their parts, in the order of their keys.
func readBack(ctx context.Context, q querier, into map[string]*warehouse.Rows, args ...any) error {
	const ofThese = "WHERE project_id = $1 AND conversation_id = ANY($2) AND started_at = ANY($3) "
	err := selectAll(ctx, q, &warehouse.Conversations, ofThese, func(c *warehouse.Conversation) {
		into[c.ConversationID] = &warehouse.Rows{Conversation: *c}
	}, args...)
	if err == nil {
		err = selectAll(ctx, q, &warehouse.Turns, ofThese+"ORDER BY conversation_id, turn_index", func(t *warehouse.Turn) {
			if r := into[t.ConversationID]; r != nil {
				r.Turns = append(r.Turns, *t)
			}
		}, args...)
	}
	if err == nil {
		err = selectAll(ctx, q, &warehouse.Entities, ofThese+`ORDER BY conversation_id, turn_index, name COLLATE "C", ordinal`, func(e *warehouse.Entity) {
			if r := into[e.ConversationID]; r != nil {
				r.Entities = append(r.Entities, *e)
			}
		}, args...)
	}
	if err == nil {
		err = selectAll(ctx, q, &warehouse.Metrics, ofThese+`ORDER BY conversation_id, name COLLATE "C", ordinal`, func(m *warehouse.Metric) {
			if r := into[m.ConversationID]; r != nil {
				r.Metrics = append(r.Metrics, *m)
			}
		}, args...)
	}
	if err == nil {
		err = selectAll(ctx, q, &warehouse.AudioReferences, ofThese+"ORDER BY conversation_id, direction, redacted", func(a *warehouse.AudioReference) {
			if r := into[a.ConversationID]; r != nil {
				r.Audio = append(r.Audio, *a)
			}
		}, args...)
	}
	return err
}
