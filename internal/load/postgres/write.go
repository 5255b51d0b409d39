package postgres

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// write replaces and adds conversations in one transaction, in which the
// rejects of those that are resolved go, and returns the rows written by table.
func (w *writer) write(ctx context.Context, feed load.Feed, writes []*write, counts *load.Counts, resolved []string) (map[string]int64, error) {
	written := map[string]int64{}
	ids := make([]string, len(writes))
	for i, wr := range writes {
		ids[i] = wr.key.ConversationID
	}
	err := w.transact(ctx, "write conversations", func(tx pgx.Tx) error {
		if len(writes) == 0 {
			return nil
		}
		if err := remove(ctx, tx, feed.ProjectID, writes); err != nil {
			return err
		}
		return add(ctx, tx, feed.ProjectID, writes, written)
	}, func(tx pgx.Tx) error {
		if err := addLateness(ctx, tx, feed, counts.Lateness); err != nil {
			return err
		}
		if err := w.noteRevealed(ctx, tx, feed, counts.Revealed); err != nil {
			return err
		}
		if err := resolve(ctx, tx, feed, resolved); err != nil || len(ids) == 0 {
			return err
		}
		return w.recordChanges(ctx, tx, feed.ProjectID, warehouse.OperationUpsert, ids)
	})
	if err == nil {
		w.rejected.remove(feed, resolved)
	}
	return written, err
}

// remove deletes what is replaced. A key that is no longer as it was read
// stays, and the new one will collide with it.
func remove(ctx context.Context, tx pgx.Tx, project string, writes []*write) error {
	var ids, hashes, lifecycles []string
	var starts []time.Time
	for _, wr := range writes {
		if wr.old != nil {
			ids, hashes = append(ids, wr.old.ConversationID), append(hashes, wr.old.ContentHash)
			lifecycles, starts = append(lifecycles, wr.old.Lifecycle), append(starts, wr.old.StartedAt.Time())
		}
	}
	if len(ids) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `DELETE FROM conversation_keys k USING unnest($2::text[], $3::text[], $4::text[]) AS o (id, hash, lifecycle)
		WHERE k.project_id = $1 AND k.conversation_id = o.id AND k.content_hash = o.hash AND k.lifecycle = o.lifecycle`,
		project, ids, hashes, lifecycles)
	if err != nil {
		return err
	}
	return removeRows(ctx, tx, project, ids, starts)
}

// ofThese are the rows of conversations. The ids say which; the first and the
// last start say which partitions to look at.
const ofThese = "WHERE project_id = $1 AND conversation_id = ANY($2) AND started_at BETWEEN $3 AND $4"

// these are the arguments of ofThese; there is one conversation at least.
func these(project string, ids []string, starts []time.Time) []any {
	return []any{project, ids, slices.MinFunc(starts, time.Time.Compare), slices.MaxFunc(starts, time.Time.Compare)}
}

// removeRows deletes conversations with all their parts, whose keys are gone.
func removeRows(ctx context.Context, tx pgx.Tx, project string, ids []string, starts []time.Time) error {
	batch, args := &pgx.Batch{}, these(project, ids, starts)
	for _, table := range partitioned() {
		batch.Queue("DELETE FROM "+table+" "+ofThese, args...)
	}
	batch.Queue("DELETE FROM open_conversations WHERE project_id = $1 AND conversation_id = ANY($2)", project, ids)
	return tx.SendBatch(ctx, batch).Close()
}

// add copies the conversations in, keys first: that is where two who write the
// same one meet.
func add(ctx context.Context, tx pgx.Tx, project string, writes []*write, written map[string]int64) error {
	_, err := copyRows(ctx, tx, keys, each(writes, func(wr *write) *conversationKey { return &wr.key }))
	if err != nil {
		return err
	}
	if written[conversations.Name], err = copyRows(ctx, tx, conversations, each(writes, func(wr *write) *warehouse.Conversation { return &wr.rows.Conversation })); err != nil {
		return err
	}
	if written[turns.Name], err = copyRows(ctx, tx, turns, parts(writes, func(r *warehouse.Rows) []warehouse.Turn { return r.Turns })); err != nil {
		return err
	}
	if written[entities.Name], err = copyRows(ctx, tx, entities, parts(writes, func(r *warehouse.Rows) []warehouse.Entity { return r.Entities })); err != nil {
		return err
	}
	if written[metrics.Name], err = copyRows(ctx, tx, metrics, parts(writes, func(r *warehouse.Rows) []warehouse.Metric { return r.Metrics })); err != nil {
		return err
	}
	if written[audio.Name], err = copyRows(ctx, tx, audio, parts(writes, func(r *warehouse.Rows) []warehouse.AudioReference { return r.Audio })); err != nil {
		return err
	}
	return addOpen(ctx, tx, project, writes)
}

// each yields a row of each conversation.
func each[R any](writes []*write, pick func(*write) *R) iter.Seq[*R] {
	return func(yield func(*R) bool) {
		for _, wr := range writes {
			if !yield(pick(wr)) {
				return
			}
		}
	}
}

// parts yields the rows of a part of each conversation.
func parts[R any](writes []*write, pick func(*warehouse.Rows) []R) iter.Seq[*R] {
	return func(yield func(*R) bool) {
		for _, wr := range writes {
			for rows, i := pick(wr.rows), 0; i < len(rows); i++ {
				if !yield(&rows[i]) {
					return
				}
			}
		}
	}
}

// addOpen puts open conversations on the worklist.
func addOpen(ctx context.Context, tx pgx.Tx, project string, writes []*write) error {
	var ids, environments []string
	var starts, seen []time.Time
	for _, wr := range writes {
		if wr.rows.IsOpen() {
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

// addLateness adds to the buckets of a feed.
func addLateness(ctx context.Context, tx pgx.Tx, feed load.Feed, late map[load.LatenessKey]int64) error {
	if len(late) == 0 {
		return nil
	}
	var measures []string
	var uppers, counts []int64
	for key, n := range late {
		measures, uppers, counts = append(measures, key.Measure), append(uppers, key.UpperSeconds), append(counts, n)
	}
	_, err := tx.Exec(ctx, `INSERT INTO sync_lateness AS l (project_id, environment, measure, upper_seconds, count)
		SELECT $1, $2, * FROM unnest($3::text[], $4::bigint[], $5::bigint[])
		ON CONFLICT (project_id, environment, measure, upper_seconds) DO UPDATE SET count = l.count + excluded.count`,
		feed.ProjectID, feed.Environment, measures, uppers, counts)
	return err
}

// noteRevealed remembers that a feed shows again what it had hidden.
func (w *writer) noteRevealed(ctx context.Context, tx pgx.Tx, feed load.Feed, revealed load.Revealed) error {
	if !revealed.Any() {
		return nil
	}
	_, err := tx.Exec(ctx, "INSERT INTO sync_revealed (project_id, environment, revealed_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
		feed.ProjectID, feed.Environment, w.now().Time())
	return err
}

func (w *writer) recordChanges(ctx context.Context, tx pgx.Tx, project, operation string, ids []string) error {
	_, err := tx.Exec(ctx, `INSERT INTO changes (project_id, conversation_id, operation, at, run_id)
		SELECT $1, id, $3, $4, $5 FROM unnest($2::text[]) WITH ORDINALITY AS c (id, n) ORDER BY n`,
		project, ids, operation, w.now().Time(), w.owner.RunID)
	return err
}

func (w *writer) now() warehouse.Timestamp { return warehouse.TimestampOf(time.Now()) }
