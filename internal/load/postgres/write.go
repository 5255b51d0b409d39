package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// write replaces and adds conversations in one transaction, stores the digests of
// unchanged ones, deletes the rejects of resolved ones, and returns the number of
// written rows by table.
func (w *writer) write(
	ctx context.Context, feed load.Feed, writes, unchanged []*write, counts *load.Counts, resolved []string,
) (map[string]int64, error) {
	written := map[string]int64{}
	ids := make([]string, len(writes))
	for i, wr := range writes {
		ids[i] = wr.key.ConversationID
	}
	err := w.transact(ctx, "write conversations", feed.ProjectID, func(tx pgx.Tx) error {
		if err := putDigests(ctx, tx, feed.ProjectID, unchanged); err != nil || len(writes) == 0 {
			return err
		}
		return put(ctx, tx, feed.ProjectID, writes, written)
	}, func(tx pgx.Tx) error { // one round trip
		batch := &pgx.Batch{}
		w.queueNotErased(batch, feed.ProjectID, ids)
		queueLateness(batch, feed, counts.Lateness)
		w.queueVisibleAgain(batch, feed, counts.VisibleAgain)
		queueResolved(batch, feed, resolved)
		w.queueChanges(batch, feed.ProjectID, warehouse.OperationUpsert, ids)
		return tx.SendBatch(ctx, batch).Close()
	})
	if err == nil {
		w.rejected.remove(feed, resolved)
	}
	return written, asRefusal(err)
}

// queueNotErased makes the batch fail if a tombstone was added since the
// conversations were compared. An erasure adds one and deletes the rows, and the
// conversation must not be loaded again afterwards.
func (w *writer) queueNotErased(batch *pgx.Batch, project string, ids []string) {
	if len(ids) == 0 {
		return
	}
	batch.Queue("SELECT EXISTS (SELECT FROM erasures WHERE project_id = $1 AND conversation_id = ANY($2))", project, ids).QueryRow(func(row pgx.Row) error {
		var erased bool
		err := row.Scan(&erased)
		if err == nil && erased {
			w.erased.Store(true)
			err = errRowGone
		}
		return err
	})
}

// put writes the conversations, keys first, so that two writers of the same
// conversation collide there.
func put(ctx context.Context, tx pgx.Tx, project string, writes []*write, written map[string]int64) error {
	var fresh, replaced []*write
	for _, wr := range writes {
		if wr.old == nil {
			fresh = append(fresh, wr)
		} else {
			replaced = append(replaced, wr)
		}
	}
	if len(replaced) > 0 {
		lost, err := replaceKeys(ctx, tx, project, replaced)
		if err != nil {
			return err
		}
		fresh = append(fresh, lost...)
		if err := makeRepairedStale(ctx, tx, project, replaced); err != nil {
			return err
		}
		if err := clearAway(ctx, tx, project, replaced); err != nil {
			return err
		}
	}
	if _, err := copyRows(ctx, tx, keys, keyRows(fresh)); err != nil {
		return err
	}
	if err := putParts(ctx, tx, project, writes, written); err != nil {
		return err
	}
	return addOpen(ctx, tx, project, writes)
}

// clearAway removes replaced conversations from the open-conversation queue,
// and deletes the rows of those whose stored rows are incomplete, except those of
// additive parts. The others are updated in place.
func clearAway(ctx context.Context, tx pgx.Tx, project string, replaced []*write) error {
	var ids, broken []string
	var starts []time.Time
	for _, wr := range replaced {
		ids = append(ids, wr.old.ConversationID)
		if wr.before == nil {
			broken, starts = append(broken, wr.old.ConversationID), append(starts, wr.old.StartedAt.Time())
		}
	}
	if len(broken) > 0 {
		if err := removeRows(ctx, tx, rewritten, project, broken, starts); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, "DELETE FROM open_conversations WHERE project_id = $1 AND conversation_id = ANY($2)", project, ids)
	return err
}

// putParts writes conversations and their parts, and counts the rows by table.
func putParts(ctx context.Context, tx pgx.Tx, project string, writes []*write, written map[string]int64) (err error) {
	for _, p := range tables {
		if written[p.Name], err = p.put(ctx, tx, project, writes); err != nil {
			return err
		}
	}
	return nil
}

// ofThese selects the rows of conversations, by their ids. The first and the
// last start limit the partitions that are read.
const ofThese = "WHERE project_id = $1 AND conversation_id = ANY($2) AND started_at BETWEEN $3 AND $4"

// these returns the arguments of ofThese. There must be at least one
// conversation.
func these(project string, ids []string, starts []time.Time) []any {
	return []any{project, ids, slices.MinFunc(starts, time.Time.Compare), slices.MaxFunc(starts, time.Time.Compare)}
}

// removeRows deletes the rows of conversations in some tables. It fails with a
// [*refusal] if a trigger keeps rows.
func removeRows(ctx context.Context, tx pgx.Tx, from []string, project string, ids []string, starts []time.Time) error {
	batch, args := &pgx.Batch{}, these(project, ids, starts)
	for _, table := range from {
		batch.Queue("DELETE FROM "+table+" "+ofThese, args...)
		batch.Queue("SELECT EXISTS (SELECT FROM "+table+" "+ofThese+")", args...).QueryRow(func(row pgx.Row) error {
			var kept bool
			if err := row.Scan(&kept); err != nil || !kept {
				return err
			}
			return skipped(table)
		})
	}
	batch.Queue("DELETE FROM open_conversations WHERE project_id = $1 AND conversation_id = ANY($2)", project, ids)
	return tx.SendBatch(ctx, batch).Close()
}

// keyRows returns the key of each conversation.
func keyRows(writes []*write) []any {
	rows := make([]any, len(writes))
	for i, wr := range writes {
		rows[i] = &wr.key
	}
	return rows
}

// addOpen adds open conversations to the queue, except those that the source no
// longer lists.
func addOpen(ctx context.Context, tx pgx.Tx, project string, writes []*write) error {
	var ids, environments []string
	var starts, seen []time.Time
	for _, wr := range writes {
		if wr.rows.IsOpen() && !wr.key.MissingSince.Valid {
			ids, environments = append(ids, wr.key.ConversationID), append(environments, wr.key.Environment)
			starts, seen = append(starts, wr.key.StartedAt.Time()), append(seen, wr.key.FirstSeenAt.Time())
		}
	}
	if len(ids) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `INSERT INTO open_conversations (project_id, conversation_id, environment, started_at, first_seen_at)
		SELECT $1, * FROM unnest($2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[])`, project, ids, environments, starts, seen)
	return err
}

// queueLateness adds counts to the lateness of a feed.
func queueLateness(batch *pgx.Batch, feed load.Feed, late map[load.LatenessKey]int64) {
	if len(late) == 0 {
		return
	}
	var measures []string
	var uppers, counts []int64
	for key, n := range late {
		measures, uppers, counts = append(measures, key.Measure), append(uppers, key.UpperSeconds), append(counts, n)
	}
	batch.Queue(`INSERT INTO sync_lateness AS l (project_id, environment, measure, upper_seconds, count)
		SELECT $1, $2, * FROM unnest($3::text[], $4::bigint[], $5::bigint[])
		ON CONFLICT (project_id, environment, measure, upper_seconds) DO UPDATE SET count = l.count + excluded.count`,
		feed.ProjectID, feed.Environment, measures, uppers, counts)
}

// queueVisibleAgain records that data of a feed is visible again.
func (w *writer) queueVisibleAgain(batch *pgx.Batch, feed load.Feed, counts load.VisibleAgain) {
	if counts.Any() {
		batch.Queue("INSERT INTO sync_revealed (project_id, environment, revealed_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
			feed.ProjectID, feed.Environment, w.now().Time())
	}
}

// recordChanges is [writer.queueChanges] alone.
func (w *writer) recordChanges(ctx context.Context, tx pgx.Tx, project, operation string, ids []string) error {
	batch := &pgx.Batch{}
	w.queueChanges(batch, project, operation, ids)
	return tx.SendBatch(ctx, batch).Close()
}

// queueChanges adds changes, as the last step of a transaction. All writers of the
// schema assign sequence numbers one at a time until they have committed, so that
// these are in the order of commits.
func (w *writer) queueChanges(batch *pgx.Batch, project, operation string, ids []string) {
	if len(ids) == 0 {
		return
	}
	batch.Queue("SELECT pg_advisory_xact_lock($1)", w.changesKey())
	batch.Queue(`INSERT INTO changes (project_id, conversation_id, operation, at, run_id)
		SELECT $1, id, $3, $4, $5 FROM unnest($2::text[]) WITH ORDINALITY AS c (id, n) ORDER BY n`,
		project, ids, operation, w.now().Time(), w.owner.RunID)
}

func (w *writer) now() warehouse.Timestamp { return warehouse.TimestampOf(time.Now()) }
