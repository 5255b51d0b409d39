package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// missing has the conversations that the source no longer lists.
type missing struct {
	deleted, marked []string
	rows            map[string]int64 // number of written rows, by table
}

func (m *missing) add(other missing) {
	m.deleted, m.marked = append(m.deleted, other.deleted...), append(m.marked, other.marked...)
	for table, n := range other.rows {
		if m.rows == nil {
			m.rows = map[string]int64{}
		}
		m.rows[table] += n
	}
}

// writeMissing marks or deletes the missing conversations of a window that are
// still stored with the start at which the source was searched.
func writeMissing(ctx context.Context, tx pgx.Tx, st *load.Window) (missing, error) {
	switch {
	case len(st.Missing) == 0:
		return missing{}, nil
	case st.DeleteMissing:
		return deleteMissing(ctx, tx, st)
	}
	return markMissing(ctx, tx, st)
}

func markMissing(ctx context.Context, tx pgx.Tx, st *load.Window) (missing, error) {
	ids, starts, err := writeMissingKeys(ctx, tx, st)
	if err != nil || len(ids) == 0 {
		return missing{}, err
	}
	marked, err := tx.Exec(ctx, "UPDATE conversations SET missing_since = $5 "+ofThese,
		append(these(st.Feed.ProjectID, ids, starts), st.At.Time())...)
	if err == nil {
		_, err = tx.Exec(ctx, "DELETE FROM open_conversations WHERE project_id = $1 AND conversation_id = ANY($2)", st.Feed.ProjectID, ids)
	}
	return missing{marked: ids, rows: map[string]int64{warehouse.Conversations.Name: marked.RowsAffected()}}, err
}

// deleteMissing deletes missing conversations. If the server refuses, for
// example because of a foreign key, it deletes each half separately. A
// conversation that cannot be deleted is marked.
func deleteMissing(ctx context.Context, tx pgx.Tx, st *load.Window) (m missing, err error) {
	err = pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error { // a savepoint
		var starts []time.Time
		if m.deleted, starts, err = writeMissingKeys(ctx, tx, st); err != nil || len(m.deleted) == 0 {
			return err
		}
		if err := removeRows(ctx, tx, partitioned, st.Feed.ProjectID, m.deleted, starts); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "SET CONSTRAINTS ALL IMMEDIATE") // also checks deferred constraints here
		return err
	})
	var refused *refusal
	if err == nil || !errors.As(asRefusal(err), &refused) {
		return m, err
	}
	m = missing{}
	half := *st
	if len(st.Missing) == 1 {
		half.DeleteMissing = false
		return markMissing(ctx, tx, &half)
	}
	for _, part := range [][]load.Key{st.Missing[:len(st.Missing)/2], st.Missing[len(st.Missing)/2:]} {
		half.Missing = part
		done, err := deleteMissing(ctx, tx, &half)
		if err != nil {
			return m, err
		}
		m.add(done)
	}
	return m, nil
}

// writeMissingKeys marks or deletes the keys of conversations that are still
// stored as before. A conversation that was written meanwhile has another key,
// and is skipped.
func writeMissingKeys(ctx context.Context, tx pgx.Tx, st *load.Window) (ids []string, starts []time.Time, err error) {
	wanted, at := make([]string, len(st.Missing)), make([]time.Time, len(st.Missing))
	for i, k := range st.Missing {
		wanted[i], at[i] = k.ID, k.StartedAt.Time()
	}
	const these = ` unnest($3::text[], $4::timestamptz[]) AS o (id, started_at)
		WHERE k.project_id = $1 AND k.environment = $2 AND k.conversation_id = o.id AND k.started_at = o.started_at `
	const found = " RETURNING k.conversation_id, k.started_at"
	statement, args := "DELETE FROM conversation_keys k USING"+these+found, []any{st.Feed.ProjectID, st.Feed.Environment, wanted, at}
	if !st.DeleteMissing {
		statement = "UPDATE conversation_keys k SET missing_since = $5, source_digest = NULL FROM" + these + "AND k.missing_since IS NULL" + found
		args = append(args, st.At.Time())
	}
	rows, err := tx.Query(ctx, statement, args...)
	if err != nil {
		return nil, nil, err
	}
	var id string
	var start time.Time
	_, err = pgx.ForEachRow(rows, []any{&id, &start}, func() error {
		ids, starts = append(ids, id), append(starts, start)
		return nil
	})
	return ids, starts, err
}
