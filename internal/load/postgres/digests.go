package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// Digests lists what [Database.Keys] does. A conversation whose key is missing or
// differs has no digest.
func (d *Database) Digests(ctx context.Context, feed load.Feed, from, until warehouse.Timestamp) (keys []load.DigestKey, err error) {
	if ready, err := d.ready(ctx); err != nil || !ready {
		return nil, err
	}
	found, err := d.pool.Query(ctx, `SELECT c.conversation_id, c.started_at, c.missing_since IS NOT NULL, k.source_digest
		FROM conversations c LEFT JOIN conversation_keys k ON k.project_id = c.project_id AND k.conversation_id = c.conversation_id
			AND k.environment = c.environment AND k.started_at = c.started_at AND k.content_hash = c.content_hash
		WHERE c.project_id = $1 AND c.environment = $2 AND c.started_at >= $3 AND c.started_at < $4
		ORDER BY c.started_at, c.conversation_id COLLATE "C"`, feed.ProjectID, feed.Environment, from.Time(), until.Time())
	if err != nil {
		return nil, d.describe(err)
	}
	var key load.DigestKey
	var start time.Time
	var digest pgtype.DriverBytes // valid until the next row
	_, err = pgx.ForEachRow(found, []any{&key.ID, &start, &key.Missing, &digest}, func() error {
		key.StartedAt, key.Digest = warehouse.TimestampOf(start), warehouse.Digest{}
		if len(digest) == len(key.Digest) {
			key.Digest = warehouse.Digest(digest)
		}
		keys = append(keys, key)
		return nil
	})
	return keys, d.describe(err)
}

// putDigests stores the digests of unchanged conversations, and nothing else: a
// conversation that was changed or marked since it was compared is left out.
func putDigests(ctx context.Context, tx pgx.Tx, project string, unchanged []*write) error {
	if len(unchanged) == 0 {
		return nil
	}
	var ids, hashes []string
	var digests [][]byte // nil: none
	for _, wr := range unchanged {
		ids, hashes = append(ids, wr.old.ConversationID), append(hashes, wr.old.ContentHash)
		digests = append(digests, bytesOf(wr.rows.Digest))
	}
	_, err := tx.Exec(ctx, `UPDATE conversation_keys k SET source_digest = o.digest
		FROM unnest($2::text[], $3::text[], $4::bytea[]) AS o (id, hash, digest)
		WHERE k.project_id = $1 AND k.conversation_id = o.id AND k.content_hash = o.hash AND k.missing_since IS NULL`,
		project, ids, hashes, digests)
	return err
}

// bytesOf returns a digest as bytea; nil is NULL.
func bytesOf(d warehouse.Digest) []byte {
	if !d.IsKnown() {
		return nil
	}
	return d[:]
}
