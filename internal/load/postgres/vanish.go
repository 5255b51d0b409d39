package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// vanish marks or deletes those missing conversations of a stretch that are
// still stored as they were looked for. It returns their ids, and the rows
// written by table.
func vanish(ctx context.Context, tx pgx.Tx, st *load.Stretch) (ids []string, written map[string]int64, err error) {
	if len(st.Missing) == 0 {
		return nil, nil, nil
	}
	ids, starts, err := vanishKeys(ctx, tx, st)
	if err != nil || len(ids) == 0 {
		return nil, nil, err
	}
	if st.DeleteMissing {
		return ids, nil, removeRows(ctx, tx, st.Feed.ProjectID, ids, starts)
	}
	marked, err := tx.Exec(ctx, "UPDATE conversations SET missing_since = $5 "+ofThese,
		append(these(st.Feed.ProjectID, ids, starts), st.At.Time())...)
	if err == nil {
		_, err = tx.Exec(ctx, "DELETE FROM open_conversations WHERE project_id = $1 AND conversation_id = ANY($2)", st.Feed.ProjectID, ids)
	}
	return ids, map[string]int64{conversations.Name: marked.RowsAffected()}, err
}

// vanishKeys marks or deletes the keys, which tell what is still stored so. A
// conversation that is written meanwhile has another key, and is left alone.
func vanishKeys(ctx context.Context, tx pgx.Tx, st *load.Stretch) (ids []string, starts []time.Time, err error) {
	wanted, at := make([]string, len(st.Missing)), make([]time.Time, len(st.Missing))
	for i, k := range st.Missing {
		wanted[i], at[i] = k.ID, k.StartedAt.Time()
	}
	const these = ` unnest($3::text[], $4::timestamptz[]) AS o (id, started_at)
		WHERE k.project_id = $1 AND k.environment = $2 AND k.conversation_id = o.id AND k.started_at = o.started_at `
	const found = " RETURNING k.conversation_id, k.started_at"
	statement, args := "DELETE FROM conversation_keys k USING"+these+found, []any{st.Feed.ProjectID, st.Feed.Environment, wanted, at}
	if !st.DeleteMissing {
		statement = "UPDATE conversation_keys k SET missing_since = $5 FROM" + these + "AND k.missing_since IS NULL" + found
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

// vanishing is what the feed of changes says of them.
func vanishing(st *load.Stretch) string {
	if st.DeleteMissing {
		return warehouse.OperationDelete
	}
	return warehouse.OperationUpsert
}
