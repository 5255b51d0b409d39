package postgres

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"convsync/internal/warehouse"
)

// part is a table with conversations or their parts. New rows are copied. For a
// stored conversation only the rows that differ are written. They are updated
// in place, so that foreign keys that reference them stay valid.
type part[R any] struct {
	copier[R]
	of func(*warehouse.Rows) iter.Seq[*R]

	upsert string // parameters: all columns
	move   string // parameters: all columns, the stored start
	remove string // parameters: the key, the stored start
}

func newPart[R any](c copier[R], of func(*warehouse.Rows) iter.Seq[*R]) *part[R] {
	names := c.Names()
	parameter := func(i int) string { return "$" + strconv.Itoa(i+1) }
	var set, values, at []string
	for i, name := range names {
		values, set = append(values, parameter(i)), append(set, name+" = excluded."+name)
		if slices.Contains(c.Key, name) {
			at = append(at, name+" = "+parameter(i))
		}
	}
	var key []string
	for i, name := range append(slices.Clone(c.Key), "started_at") {
		key = append(key, name+" = "+parameter(i))
	}
	columns, row := strings.Join(names, ", "), strings.Join(values, ", ")
	return &part[R]{
		copier: c, of: of,
		upsert: "INSERT INTO " + c.Name + " (" + columns + ") VALUES (" + row + ") ON CONFLICT (" +
			strings.Join(c.Key, ", ") + ", started_at) DO UPDATE SET " + strings.Join(set, ", "),
		move: "UPDATE " + c.Name + " SET (" + columns + ") = ROW (" + row + ") WHERE " +
			strings.Join(at, " AND ") + " AND started_at = " + parameter(len(names)),
		remove: "DELETE FROM " + c.Name + " WHERE " + strings.Join(key, " AND "),
	}
}

var (
	conversationPart = newPart(conversations, func(r *warehouse.Rows) iter.Seq[*warehouse.Conversation] {
		return func(yield func(*warehouse.Conversation) bool) { yield(&r.Conversation) }
	})
	turnPart   = newPart(turns, func(r *warehouse.Rows) iter.Seq[*warehouse.Turn] { return pointers(r.Turns) })
	entityPart = newPart(entities, func(r *warehouse.Rows) iter.Seq[*warehouse.Entity] { return pointers(r.Entities) })
	metricPart = newPart(metrics, func(r *warehouse.Rows) iter.Seq[*warehouse.Metric] { return pointers(r.Metrics) })
	audioPart  = newPart(audio, func(r *warehouse.Rows) iter.Seq[*warehouse.AudioReference] { return pointers(r.Audio) })
)

func pointers[R any](rows []R) iter.Seq[*R] {
	return func(yield func(*R) bool) {
		for i := range rows {
			if !yield(&rows[i]) {
				return
			}
		}
	}
}

// errRowGone means that a stored row is no longer where it was read, or that a
// trigger skipped its change.
var errRowGone = errors.New("a stored row changed while its conversation was written")

// put writes the part's rows of the conversations and returns their number.
func (p *part[R]) put(ctx context.Context, tx pgx.Tx, writes []*write) (int64, error) {
	c := changes[R]{part: p}
	for _, wr := range writes {
		if wr.before == nil {
			for row := range p.of(wr.rows) {
				c.fresh = append(c.fresh, row)
			}
			continue
		}
		c.compare(wr)
	}
	changed, err := c.apply(ctx, tx)
	if err != nil {
		return 0, err
	}
	copied, err := copyRows(ctx, tx, p.copier, slices.Values(c.fresh))
	return changed + copied, err
}

// changes are the differences between the stored and the new rows of a part.
type changes[R any] struct {
	*part[R]
	fresh   []*R // not stored
	differs []*R // stored in the same partition, with other content
	moved   []moved[R]
	gone    []moved[R] // stored, no longer part of their conversation
}

// moved is a row that is stored with another start.
type moved[R any] struct {
	row *R
	at  warehouse.Timestamp // the stored start
}

// compare compares the rows of one conversation by their keys.
func (c *changes[R]) compare(wr *write) {
	stored, at := map[string]*R{}, wr.before.Conversation.StartedAt
	for row := range c.of(wr.before) {
		stored[string(c.appendKey(nil, row))] = row
	}
	for row := range c.of(wr.rows) {
		key := string(c.appendKey(nil, row))
		old, known := stored[key]
		delete(stored, key)
		switch {
		case !known:
			c.fresh = append(c.fresh, row)
		case at != wr.key.StartedAt:
			c.moved = append(c.moved, moved[R]{row, at})
		case wr.rewrite || !bytes.Equal(c.appendRow(nil, row), c.appendRow(nil, old)):
			c.differs = append(c.differs, row)
		}
	}
	for _, row := range stored {
		c.gone = append(c.gone, moved[R]{row, at})
	}
}

func (c *changes[R]) appendKey(dst []byte, row *R) []byte {
	for i := range c.Columns {
		if slices.Contains(c.Key, c.Columns[i].Name) {
			dst = appendField(dst, c.Columns[i].Ref(row))
		}
	}
	return dst
}

// apply deletes and updates rows, in one round trip, and returns the number of
// updated ones.
func (c *changes[R]) apply(ctx context.Context, tx pgx.Tx) (int64, error) {
	if len(c.differs)+len(c.moved)+len(c.gone) == 0 {
		return 0, nil
	}
	batch := &pgconn.Batch{}
	for _, m := range c.gone {
		batch.ExecParams(c.remove, append(c.keyValues(m.row), binaryTime(m.at)), nil, binaryFormat, nil)
	}
	for _, m := range c.moved {
		batch.ExecParams(c.move, append(c.values(m.row), binaryTime(m.at)), nil, binaryFormat, nil)
	}
	if len(c.differs) > 0 {
		// Prepared once per session: planning takes longer than execution.
		prepared, err := tx.Conn().Prepare(ctx, "upsert "+c.Name, c.upsert)
		if err != nil {
			return 0, err
		}
		for _, row := range c.differs {
			batch.ExecPrepared(prepared.Name, c.values(row), binaryFormat, nil)
		}
	}
	results := tx.Conn().PgConn().ExecBatch(ctx, batch)
	stale := false
	for results.NextResult() {
		tag, err := results.ResultReader().Close()
		if err != nil {
			results.Close() //nolint:errcheck // it would return the same error
			return 0, err
		}
		stale = stale || tag.RowsAffected() == 0
	}
	if err := results.Close(); err != nil {
		return 0, err
	}
	if stale {
		return 0, errRowGone
	}
	return int64(len(c.differs) + len(c.moved)), nil
}

// binaryFormat sets the binary format for all parameters.
var binaryFormat = []int16{pgx.BinaryFormatCode}

// values returns the fields of a row as parameters.
func (c copier[R]) values(row *R) [][]byte {
	encoded := c.appendRow(nil, row)[2:] // after the number of fields
	values := make([][]byte, len(c.Columns), len(c.Columns)+1)
	for i := range values {
		size := int32(binary.BigEndian.Uint32(encoded))
		encoded = encoded[4:]
		if size >= 0 { // otherwise NULL
			values[i], encoded = encoded[:size:size], encoded[size:]
		}
	}
	return values
}

// keyValues returns the fields of a row's key as parameters.
func (c copier[R]) keyValues(row *R) (key [][]byte) {
	values, names := c.values(row), c.Names()
	for _, name := range c.Key {
		key = append(key, values[slices.Index(names, name)])
	}
	return key
}

func binaryTime(t warehouse.Timestamp) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(int64(t)-postgresEpoch))
}

// replaceKeys updates the keys of stored conversations, and returns those whose
// keys are missing and must be added. It fails when another transaction has
// changed or deleted a conversation since it was read: only the rows that
// differ from what was read would be written.
func replaceKeys(ctx context.Context, tx pgx.Tx, project string, writes []*write) (lost []*write, err error) {
	var ids, hashes, lifecycles []string
	var environments, newHashes, newLifecycles []string
	var starts, seen []time.Time
	for _, wr := range writes {
		ids, hashes, lifecycles = append(ids, wr.old.ConversationID), append(hashes, wr.old.ContentHash), append(lifecycles, wr.old.Lifecycle)
		environments, newHashes, newLifecycles = append(environments, wr.key.Environment), append(newHashes, wr.key.ContentHash), append(newLifecycles, wr.key.Lifecycle)
		starts, seen = append(starts, wr.key.StartedAt.Time()), append(seen, wr.key.FirstSeenAt.Time())
	}
	found, err := tx.Query(ctx, `UPDATE conversation_keys k SET environment = o.environment, started_at = o.started_at, lifecycle = o.lifecycle,
			content_hash = o.hash, first_seen_at = o.first_seen_at, missing_since = NULL
		FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[], $9::timestamptz[])
			AS o (id, old_hash, old_lifecycle, environment, hash, lifecycle, started_at, first_seen_at)
		WHERE k.project_id = $1 AND k.conversation_id = o.id AND k.content_hash = o.old_hash AND k.lifecycle = o.old_lifecycle
		RETURNING k.conversation_id`, project, ids, hashes, lifecycles, environments, newHashes, newLifecycles, starts, seen)
	if err != nil {
		return nil, err
	}
	updated, err := pgx.CollectRows(found, pgx.RowTo[string])
	if err != nil || len(updated) == len(writes) {
		return nil, err
	}
	for _, wr := range writes {
		switch {
		case slices.Contains(updated, wr.key.ConversationID):
		case wr.lost:
			lost = append(lost, wr)
		default:
			return nil, errRowGone
		}
	}
	return lost, nil
}
