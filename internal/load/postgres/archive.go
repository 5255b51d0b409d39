package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

var _ load.Archive = (*Database)(nil)

// A page of [Database.Read] has at most that many conversations, and at most
// that many turns unless its first conversation alone has more. This bounds the
// memory of a reader.
const pageConversations, pageTurns = 200, 4000

// page is the position of a reader: after the conversation of that start and
// id.
type page struct {
	after time.Time
	id    string
	until time.Time
}

// Read yields the stored conversations of a feed that started within [from,
// until). Each page is one snapshot, and no transaction is open while the
// caller has the rows. A conversation whose start moves meanwhile may be read
// at both starts or at neither.
func (d *Database) Read(ctx context.Context, feed load.Feed, from, until warehouse.Timestamp, yield func(*warehouse.Rows) error) error {
	if ready, err := d.ready(ctx); err != nil || !ready {
		return err
	}
	// No id is empty: the empty id sorts before all others.
	next := page{after: from.Time(), until: until.Time()}
	for {
		rows, err := d.readPage(ctx, feed, &next)
		if err != nil {
			return d.describe(err)
		}
		if len(rows) == 0 {
			return nil
		}
		for _, r := range rows {
			if err := yield(r); err != nil {
				return err
			}
		}
	}
}

// readPage reads the next conversations completely, and advances.
func (d *Database) readPage(ctx context.Context, feed load.Feed, at *page) (rows []*warehouse.Rows, err error) {
	moment := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, d.pool, moment, func(tx pgx.Tx) error {
		ids, starts, err := pageKeys(ctx, tx, feed, *at)
		if err != nil || len(ids) == 0 {
			return err
		}
		if err := byIndex(ctx, tx); err != nil {
			return err
		}
		stored := make(map[string]*warehouse.Rows, len(ids))
		if err := readBack(ctx, tx, stored, feed.ProjectID, ids, starts); err != nil {
			return err
		}
		for _, id := range ids {
			rows = append(rows, stored[id])
		}
		at.after, at.id = starts[len(starts)-1], ids[len(ids)-1]
		return nil
	})
	return rows, err
}

const pageOfKeys = `SELECT conversation_id, started_at, turns_loaded FROM conversations
	WHERE project_id = $1 AND environment = $2 AND started_at >= $3 AND started_at < $5
		AND (started_at > $3 OR conversation_id COLLATE "C" > $4)
	ORDER BY started_at, conversation_id COLLATE "C" LIMIT $6`

// pageKeys lists the conversations of the next page.
func pageKeys(ctx context.Context, tx pgx.Tx, feed load.Feed, at page) (ids []string, starts []time.Time, err error) {
	if err := inIndexOrder(ctx, tx); err != nil {
		return nil, nil, err
	}
	found, err := tx.Query(ctx, pageOfKeys, feed.ProjectID, feed.Environment, at.after, at.id, at.until, pageConversations)
	if err != nil {
		return nil, nil, err
	}
	var id string
	var start time.Time
	var turns, all int64
	_, err = pgx.ForEachRow(found, []any{&id, &start, &turns}, func() error {
		if all += turns; all <= pageTurns || len(ids) == 0 {
			ids, starts = append(ids, id), append(starts, start)
		}
		return nil
	})
	return ids, starts, err
}

// Keys lists the conversations that [Database.Read] would read.
func (d *Database) Keys(ctx context.Context, feed load.Feed, from, until warehouse.Timestamp) (keys []load.Key, err error) {
	if ready, err := d.ready(ctx); err != nil || !ready {
		return nil, err
	}
	found, err := d.pool.Query(ctx, `SELECT conversation_id, started_at, missing_since IS NOT NULL FROM conversations
		WHERE project_id = $1 AND environment = $2 AND started_at >= $3 AND started_at < $4
		ORDER BY started_at, conversation_id COLLATE "C"`, feed.ProjectID, feed.Environment, from.Time(), until.Time())
	if err != nil {
		return nil, d.describe(err)
	}
	var key load.Key
	var start time.Time
	_, err = pgx.ForEachRow(found, []any{&key.ID, &start, &key.Missing}, func() error {
		key.StartedAt = warehouse.TimestampOf(start)
		keys = append(keys, key)
		return nil
	})
	return keys, d.describe(err)
}

// someMetrics is the SQL condition that a conversation has metrics.
const someMetrics = `coalesce(metrics, '{}') NOT IN ('{}', '[]', 'null', '""')`

// someTranscript is the SQL condition that the transcript of a conversation is
// visible.
const someTranscript = `turns_loaded > 0 AND transcript_status NOT IN ('` + warehouse.TranscriptHidden + `', '` + warehouse.TranscriptHiddenKept + `')`

// daysShow returns a function that reports whether the condition some is true
// for any conversation of a day of the feed. It stops at the first one.
func (d *Database) daysShow(ctx context.Context, feed load.Feed, some string) load.DayShows {
	return func(midnight warehouse.Timestamp) (shows bool, err error) {
		day := midnight.Time()
		err = d.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM conversations
			WHERE project_id = $1 AND environment = $2 AND started_at >= $3 AND started_at < $4 AND `+some+`)`,
			feed.ProjectID, feed.Environment, day, day.AddDate(0, 0, 1)).Scan(&shows)
		return shows, err
	}
}

// HiddenDays lists the UTC days with hidden transcripts, without any metrics or
// either, oldest first.
func (d *Database) HiddenDays(ctx context.Context, feed load.Feed, parts load.Parts) (days []warehouse.Timestamp, err error) {
	if ready, err := d.ready(ctx); err != nil || !ready {
		return nil, err
	}
	found, err := d.pool.Query(ctx, `SELECT date_trunc('day', started_at) FROM conversations
		WHERE project_id = $1 AND environment = $2 GROUP BY 1
		HAVING $5 AND bool_or(transcript_status IN ($3, $4)) OR $6 AND NOT bool_or(`+someMetrics+`)
		ORDER BY 1`, // our sessions use UTC
		feed.ProjectID, feed.Environment, warehouse.TranscriptHidden, warehouse.TranscriptHiddenKept, parts.Transcripts, parts.Metrics)
	if err != nil {
		return nil, d.describe(err)
	}
	var day time.Time
	_, err = pgx.ForEachRow(found, []any{&day}, func() error {
		days = append(days, warehouse.TimestampOf(day))
		return nil
	})
	return days, d.describe(err)
}

// Rejects yields the rejects of a feed. They are read one by one, because their
// payloads may be large.
func (d *Database) Rejects(ctx context.Context, feed load.Feed, yield func(*warehouse.Reject) error) error {
	if ready, err := d.ready(ctx); err != nil || !ready {
		return err
	}
	found, err := d.pool.Query(ctx, `SELECT reject_id FROM rejects WHERE project_id = $1 AND environment = $2 ORDER BY reject_id COLLATE "C"`,
		feed.ProjectID, feed.Environment)
	if err != nil {
		return d.describe(err)
	}
	ids, err := pgx.CollectRows(found, pgx.RowTo[string])
	if err != nil {
		return d.describe(err)
	}
	for _, id := range ids {
		var rejects []warehouse.Reject // empty if it was resolved meanwhile
		err := selectAll(ctx, d.pool, &warehouse.Rejects, "WHERE project_id = $1 AND environment = $2 AND reject_id = $3",
			func(r *warehouse.Reject) { rejects = append(rejects, *r) }, feed.ProjectID, feed.Environment, id)
		if err != nil {
			return d.describe(err)
		}
		for i := range rejects {
			if err := yield(&rejects[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// RejectKeys lists the rejects of a feed without their content.
func (d *Database) RejectKeys(ctx context.Context, feed load.Feed) ([]load.RejectKey, error) {
	if ready, err := d.ready(ctx); err != nil || !ready {
		return nil, err
	}
	rows, err := d.pool.Query(ctx, `SELECT reject_id, coalesce(conversation_id, ''), started_at, missing_since IS NOT NULL
		FROM rejects WHERE project_id = $1 AND environment = $2 ORDER BY reject_id COLLATE "C"`, feed.ProjectID, feed.Environment)
	if err != nil {
		return nil, d.describe(err)
	}
	keys, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (k load.RejectKey, err error) {
		var started *time.Time
		if err := row.Scan(&k.RejectID, &k.ConversationID, &started, &k.Missing); err != nil || started == nil {
			return k, err
		}
		k.StartedAt = warehouse.Some(warehouse.TimestampOf(*started))
		return k, nil
	})
	return keys, d.describe(err)
}
