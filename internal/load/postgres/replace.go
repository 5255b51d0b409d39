package postgres

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
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
type part struct {
	*copier
	member warehouse.Member
	of     warehouse.Part // nil: the conversations' own rows
	key    []int          // indexes of the columns of the key

	readBack string // parameters: those of [partOf]

	upsert string // parameters: all columns
	move   string // parameters: all columns, the stored start
	shift  string // parameters: new start, project, conversation, stored start
	remove string // parameters: the key, the stored start
}

func newPart(m warehouse.Member) *part {
	c := newCopier(m)
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
	of, _ := m.(warehouse.Part)
	order := " ORDER BY conversation_id"
	if of != nil {
		order += orderOf(&c.Spec)
	}
	return &part{
		copier: c,
		member: m,
		of:     of,
		key:    c.Find(c.Key...),

		readBack: c.queryOf(partOf(c.Name) + order),

		upsert: "INSERT INTO " + c.Name + " (" + columns + ") VALUES (" + row + ") ON CONFLICT (" +
			strings.Join(c.Key, ", ") + ", started_at) DO UPDATE SET " + strings.Join(set, ", "),
		move: "UPDATE " + c.Name + " SET (" + columns + ") = ROW (" + row + ") WHERE " +
			strings.Join(at, " AND ") + " AND started_at = " + parameter(len(names)),
		shift:  "UPDATE " + c.Name + " SET started_at = $1 WHERE project_id = $2 AND conversation_id = $3 AND started_at = $4",
		remove: "DELETE FROM " + c.Name + " WHERE " + strings.Join(key, " AND "),
	}
}

// tables are [warehouse.Members]: first the conversations, then their parts.
var tables = func() (all []*part) {
	for _, m := range warehouse.Members() {
		all = append(all, newPart(m))
	}
	return all
}()

// errRowGone means that a stored row is no longer where it was read, or that a
// trigger skipped its change.
var errRowGone = errors.New("a stored row changed while its conversation was written")

// put writes the part's rows of the conversations and returns their number.
func (p *part) put(ctx context.Context, tx pgx.Tx, project string, writes []*write) (int64, error) {
	rows := 0
	for _, wr := range writes {
		if wr.before == nil {
			rows += p.member.Len(wr.rows)
		}
	}
	c := changes{part: p, encoder: encoder{copier: p.copier}, fresh: make([]any, 0, rows)}
	for _, wr := range writes {
		switch {
		case p.isAdditive() && wr.replaces():
			c.add(wr)
		case wr.before == nil:
			for i := range p.member.Len(wr.rows) {
				c.fresh = append(c.fresh, p.member.Row(wr.rows, i))
			}
		default:
			c.compare(wr)
		}
	}
	changed, err := c.apply(ctx, tx)
	if err != nil {
		return 0, err
	}
	if err := c.settleUnsure(ctx, tx, project); err != nil {
		return 0, err
	}
	copied, err := copyRows(ctx, tx, p.copier, c.fresh)
	return changed + copied, err
}

// changes are the differences between the stored and the new rows of a part.
type changes struct {
	part *part
	encoder
	fresh   []any // not stored
	differs []any // stored in the same partition, with other content
	moved   []moved
	gone    []moved // stored, no longer part of their conversation

	// Of an additive part:
	unsure  []any // not known to be stored
	shifted []shift

	was, is []byte // memory for encoded rows
}

// moved is a row that is stored with another start.
type moved struct {
	row any
	at  warehouse.Timestamp // the stored start
}

// compare compares the rows of one conversation by their keys.
func (c *changes) compare(wr *write) {
	stored, at := map[string]any{}, wr.before.Conversation.StartedAt
	for i := range c.part.member.Len(wr.before) {
		row := c.part.member.Row(wr.before, i)
		c.was = c.appendFields(c.was[:0], row, c.part.key)
		stored[string(c.was)] = row
	}
	for i := range c.part.member.Len(wr.rows) {
		row := c.part.member.Row(wr.rows, i)
		c.is = c.appendFields(c.is[:0], row, c.part.key)
		old, known := stored[string(c.is)]
		delete(stored, string(c.is))
		switch {
		case !known:
			c.fresh = append(c.fresh, row)
		case at != wr.key.StartedAt:
			c.moved = append(c.moved, moved{row, at})
		case wr.rewrite || !c.same(row, old):
			c.differs = append(c.differs, row)
		}
	}
	for _, row := range stored {
		c.gone = append(c.gone, moved{row, at})
	}
}

// same reports whether two rows are stored with the same bytes.
func (c *changes) same(row, old any) bool {
	c.is, c.was = c.appendRow(c.is[:0], row), c.appendRow(c.was[:0], old)
	return bytes.Equal(c.is, c.was)
}

// apply deletes and updates rows, in one round trip, and returns the number of
// updated ones.
func (c *changes) apply(ctx context.Context, tx pgx.Tx) (int64, error) {
	if len(c.differs)+len(c.moved)+len(c.gone)+len(c.shifted) == 0 {
		return 0, nil
	}
	batch := &pgconn.Batch{}
	for _, s := range c.shifted {
		batch.ExecParams(c.part.shift, [][]byte{binaryTime(s.to), []byte(s.project), []byte(s.id), binaryTime(s.from)}, nil, binaryFormat, nil)
	}
	for _, m := range c.gone {
		batch.ExecParams(c.part.remove, append(c.keyValues(m.row), binaryTime(m.at)), nil, binaryFormat, nil)
	}
	for _, m := range c.moved {
		batch.ExecParams(c.part.move, append(c.values(m.row), binaryTime(m.at)), nil, binaryFormat, nil)
	}
	if len(c.differs) > 0 {
		// Prepared once per session: planning takes longer than execution.
		prepared, err := tx.Conn().Prepare(ctx, "upsert "+c.Name, c.part.upsert)
		if err != nil {
			return 0, err
		}
		for _, row := range c.differs {
			batch.ExecPrepared(prepared.Name, c.values(row), binaryFormat, nil)
		}
	}
	return c.execute(tx.Conn().PgConn().ExecBatch(ctx, batch))
}

// execute reads the results of a batch of changes: first those of shifted.
func (c *changes) execute(results *pgconn.MultiResultReader) (changed int64, err error) {
	changed = int64(len(c.differs) + len(c.moved))
	stale := false
	for n := 0; results.NextResult(); n++ {
		tag, err := results.ResultReader().Close()
		if err != nil {
			results.Close() //nolint:errcheck // it would return the same error
			return 0, err
		}
		if n < len(c.shifted) {
			changed += tag.RowsAffected()
			stale = stale || tag.RowsAffected() < c.shifted[n].known
			continue
		}
		stale = stale || tag.RowsAffected() == 0
	}
	if err := results.Close(); err != nil {
		return 0, err
	}
	if stale {
		return 0, errRowGone
	}
	return changed, nil
}

// binaryFormat sets the binary format for all parameters.
var binaryFormat = []int16{pgx.BinaryFormatCode}

// values returns the fields of a row as parameters.
func (e *encoder) values(row any) [][]byte { return e.parameters(row, e.columns) }

// keyValues returns the fields of a row's key as parameters.
func (c *changes) keyValues(row any) [][]byte { return c.parameters(row, c.part.key) }

func (e *encoder) parameters(row any, columns []int) [][]byte {
	encoded := e.appendFields(nil, row, columns)
	values := make([][]byte, len(columns), len(columns)+1)
	for i := range values {
		size := int32(binary.BigEndian.Uint32(encoded))
		encoded = encoded[4:]
		if size >= 0 { // otherwise NULL
			values[i], encoded = encoded[:size:size], encoded[size:]
		}
	}
	return values
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
	var digests [][]byte
	for _, wr := range writes {
		digests = append(digests, bytesOf(wr.key.Digest))
		ids, hashes, lifecycles = append(ids, wr.old.ConversationID), append(hashes, wr.old.ContentHash), append(lifecycles, wr.old.Lifecycle)
		environments, newHashes, newLifecycles = append(environments, wr.key.Environment), append(newHashes, wr.key.ContentHash), append(newLifecycles, wr.key.Lifecycle)
		starts, seen = append(starts, wr.key.StartedAt.Time()), append(seen, wr.key.FirstSeenAt.Time())
	}
	found, err := tx.Query(ctx, `UPDATE conversation_keys k SET environment = o.environment, started_at = o.started_at, lifecycle = o.lifecycle,
			content_hash = o.hash, first_seen_at = o.first_seen_at, missing_since = NULL, source_digest = o.digest
		FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[], $9::timestamptz[], $10::bytea[])
			AS o (id, old_hash, old_lifecycle, environment, hash, lifecycle, started_at, first_seen_at, digest)
		WHERE k.project_id = $1 AND k.conversation_id = o.id AND k.content_hash = o.old_hash AND k.lifecycle = o.old_lifecycle
		RETURNING k.conversation_id`, project, ids, hashes, lifecycles, environments, newHashes, newLifecycles, starts, seen, digests)
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
