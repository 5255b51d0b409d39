package postgres

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// Limits of a repair: ids that one audit collects, and conversations that one
// transaction rewrites.
const limitOfIDs, mendConversations = "20000", 100

// rebuilt lists the kinds of faults that are repaired by rewriting everything
// that is stored under an id. A statement each repairs the others.
var rebuilt = []load.FaultKind{load.FaultSecondCopy, load.FaultOrphanParts, load.FaultLostRow, load.FaultLifecycle}

// Mend implements [load.Mender].
func (w *writer) Mend(ctx context.Context, m *load.Mending) (counts load.Counts, err error) {
	counts.Rows = map[string]int64{}
	ids := make([]string, len(m.Reseal))
	for i, k := range m.Reseal {
		ids[i] = k.ID
	}
	if err := w.rebuildAll(ctx, m, ids, true, counts.Rows); err != nil {
		return counts, w.describe(err)
	}
	for _, r := range m.Ranges {
		for _, c := range auditChecks() {
			if !slices.Contains(rebuilt, c.kind) {
				continue
			}
			if err := w.mendCheck(ctx, m, r, c, counts.Rows); err != nil {
				return counts, w.describe(err)
			}
		}
		if err := w.mendIndex(ctx, m, r); err != nil {
			return counts, w.describe(err)
		}
	}
	return counts, nil
}

// mendCheck rewrites what a check finds, until it finds nothing.
func (w *writer) mendCheck(ctx context.Context, m *load.Mending, r load.Range, c auditCheck, written map[string]int64) error {
	c.query = "SELECT DISTINCT conversation_id, started_at FROM (" + c.query + ") AS found LIMIT " + limitOfIDs
	for last := ""; ; {
		ids := map[string]bool{}
		err := audit(ctx, w.pool, c, m.ProjectID, r.From, r.Until, func(id string, _ time.Time) error {
			ids[id] = true
			return nil
		})
		if err != nil || len(ids) == 0 {
			return err
		}
		sorted := slices.Sorted(maps.Keys(ids))
		if sorted[0] == last {
			return &load.StateError{What: "conversation " + last + " is still faulty (" + string(c.kind) + ") after its repair",
				Hint: "a trigger or a rule of the database may undo what is written; look at table " + c.table}
		}
		last = sorted[0]
		if err := w.rebuildAll(ctx, m, sorted, false, written); err != nil {
			return err
		}
	}
}

func (w *writer) rebuildAll(ctx context.Context, m *load.Mending, ids []string, reseal bool, written map[string]int64) error {
	for batch := range slices.Chunk(ids, mendConversations) {
		if err := w.rebuild(ctx, m, batch, reseal, written); err != nil {
			return err
		}
	}
	return nil
}

// rebuild makes one conversation of all rows under each of the ids, or none if
// only parts without a known conversation are stored. It changes only the rows
// that differ, in place, because users may have added columns and references.
// With reseal it accepts the rows as they are.
func (w *writer) rebuild(ctx context.Context, m *load.Mending, ids []string, reseal bool, written map[string]int64) error {
	g, err := w.gather(ctx, m.ProjectID, ids)
	if err != nil {
		return err
	}
	var writes []*write
	var gone []string
	for _, id := range ids {
		if !g.has(id) {
			continue
		}
		rows, before := g.settle(m, id)
		if rows == nil {
			gone = append(gone, id)
			continue
		}
		if reseal {
			load.Reseal(rows, m.At, m.RunID)
		}
		writes = append(writes, &write{rows: rows, key: keyOf(&rows.Conversation), before: before})
	}
	if err := w.makeMonths(ctx, writes); err != nil {
		return err
	}
	counted := map[string]int64{}
	err = w.transact(ctx, "mend", m.ProjectID, func(tx pgx.Tx) error {
		return rewrite(ctx, tx, m.ProjectID, writes, gone, counted)
	}, func(tx pgx.Tx) error {
		if err := w.recordChanges(ctx, tx, m.ProjectID, warehouse.OperationUpsert, idsOf(writes)); err != nil {
			return err
		}
		return w.recordChanges(ctx, tx, m.ProjectID, warehouse.OperationDelete, gone)
	})
	if err == nil {
		for table, n := range counted {
			written[table] += n
		}
	}
	return err
}

func idsOf(writes []*write) []string {
	ids := make([]string, len(writes))
	for i, wr := range writes {
		ids[i] = wr.key.ConversationID
	}
	return ids
}

// rewrite replaces all rows under the ids of writes, and deletes all rows under
// the ids in gone.
func rewrite(ctx context.Context, tx pgx.Tx, project string, writes []*write, gone []string, written map[string]int64) error {
	kept, starts := idsOf(writes), make([]time.Time, len(writes))
	for i, wr := range writes {
		starts[i] = wr.key.StartedAt.Time()
	}
	ids, batch := slices.Concat(kept, gone), &pgx.Batch{}
	// First the keys, as all that writes conversations: see [recordingClaim].
	batch.Queue("SELECT FROM conversation_keys WHERE project_id = $1 AND conversation_id = ANY($2) ORDER BY conversation_id FOR UPDATE", project, ids)
	// Also the days of second copies, which have no keys.
	batch.Queue("SELECT make_stale(array_agg(project_id), array_agg(first_stale_day(started_at)), array_agg(last_stale_day(started_at)))"+
		" FROM conversations WHERE project_id = $1 AND conversation_id = ANY($2) HAVING count(*) > 0", project, ids)
	for _, table := range partitioned {
		batch.Queue("DELETE FROM "+table+" c WHERE project_id = $1 AND conversation_id = ANY($2) AND NOT EXISTS ("+
			"SELECT FROM unnest($3::text[], $4::timestamptz[]) AS kept (id, at) WHERE kept.id = c.conversation_id AND kept.at = c.started_at)",
			project, ids, kept, starts)
	}
	batch.Queue("DELETE FROM conversation_keys WHERE project_id = $1 AND conversation_id = ANY($2)", project, gone)
	batch.Queue("DELETE FROM open_conversations WHERE project_id = $1 AND conversation_id = ANY($2)", project, ids)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return err
	}
	if err := putParts(ctx, tx, project, writes, written); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, keysOf("c.project_id = $1 AND c.conversation_id = ANY($2)"), project, kept); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "UPDATE conversation_keys SET source_digest = NULL WHERE project_id = $1 AND conversation_id = ANY($2)", project, kept); err != nil {
		return err
	}
	return addOpen(ctx, tx, project, writes)
}

// gathered is everything that is stored under some ids.
type gathered struct {
	project string
	account string // of the project
	keys    map[string]conversationKey
	copies  map[string]map[warehouse.Timestamp]*warehouse.Rows
}

// has reports whether anything is stored under an id.
func (g *gathered) has(id string) bool {
	_, known := g.keys[id]
	return known || len(g.copies[id]) > 0
}

// at returns the rows of an id and a start.
func (g *gathered) at(id string, start warehouse.Timestamp) *warehouse.Rows {
	if g.copies[id] == nil {
		g.copies[id] = map[warehouse.Timestamp]*warehouse.Rows{}
	}
	r := g.copies[id][start]
	if r == nil {
		r = &warehouse.Rows{}
		r.Conversation.ProjectID, r.Conversation.ConversationID, r.Conversation.StartedAt = g.project, id, start
		g.copies[id][start] = r
	}
	return r
}

// gather reads everything that is stored under some ids, in one snapshot.
func (w *writer) gather(ctx context.Context, project string, ids []string) (*gathered, error) {
	g := &gathered{project: project, keys: map[string]conversationKey{}, copies: map[string]map[warehouse.Timestamp]*warehouse.Rows{}}
	moment := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, w.pool, moment, func(tx pgx.Tx) error {
		if err := byIndex(ctx, tx); err != nil {
			return err
		}
		err := tx.QueryRow(ctx, "SELECT coalesce(max(account_id), '') FROM projects WHERE project_id = $1", project).Scan(&g.account)
		if err != nil {
			return err
		}
		if err := selectThese(ctx, tx, &conversationKeys, func(k *conversationKey) { g.keys[k.ConversationID] = *k }, project, ids); err != nil {
			return err
		}
		return g.read(ctx, tx, project, ids)
	})
	return g, err
}

func (g *gathered) read(ctx context.Context, tx pgx.Tx, project string, ids []string) error {
	const under = "WHERE project_id = $1 AND conversation_id = ANY($2) ORDER BY conversation_id, started_at"
	err := selectAll(ctx, tx, &warehouse.Conversations, under, func(c *warehouse.Conversation) {
		g.at(c.ConversationID, c.StartedAt).Conversation = *c
	}, project, ids)
	if err != nil {
		return err
	}
	for _, p := range tables[1:] {
		err := selectFrom(ctx, tx, p.copier, p.Name+" "+under+orderOf(&p.Spec), func(row any) { p.of.Add(g.at(p.of.Owner(row)), row) }, project, ids)
		if err != nil {
			return err
		}
	}
	return nil
}

// settle makes one conversation of everything that is stored under an id; nil
// if no conversation is known. before is what is stored with the start of the
// result.
func (g *gathered) settle(m *load.Mending, id string) (rows, before *warehouse.Rows) {
	var copies []*warehouse.Rows
	stored := map[warehouse.Timestamp]*warehouse.Rows{}
	for start, r := range g.copies[id] {
		copies, stored[start] = append(copies, r), r.Clone()
	}
	key, known := g.keys[id]
	slices.SortFunc(copies, func(a, b *warehouse.Rows) int { // first the one that the key refers to, then the newest
		x, y := &a.Conversation, &b.Conversation
		return cmp.Or(preferred(key, y)-preferred(key, x), cmp.Compare(y.UpdatedAt, x.UpdatedAt), cmp.Compare(x.StartedAt, y.StartedAt))
	})
	if known && len(copies) > 0 && !slices.ContainsFunc(copies, load.HasRow) {
		lost := g.copies[id][key.StartedAt]
		if lost == nil {
			lost = copies[0]
		}
		load.Restore(lost, &warehouse.Conversation{
			AccountID:      g.account,
			ProjectID:      m.ProjectID,
			ConversationID: id,
			Environment:    key.Environment,
			StartedAt:      lost.Conversation.StartedAt,
			FirstSeenAt:    key.FirstSeenAt,
			MissingSince:   key.MissingSince,
		}, m.At, m.RunID)
	}
	rows, _ = load.Settle(copies, m.At, m.RunID)
	if rows == nil {
		return nil, nil
	}
	load.FixLifecycle(&rows.Conversation)
	return rows, stored[rows.Conversation.StartedAt]
}

// preferred returns 1 for the copy that a key refers to, 0 for others.
func preferred(key conversationKey, c *warehouse.Conversation) int {
	if c.StartedAt == key.StartedAt {
		return 1
	}
	return 0
}

// keysOf returns the statement that makes the keys match the conversations c. A key
// that differs loses its digest.
func keysOf(these string) string {
	const columns = "environment, started_at, lifecycle, content_hash, missing_since, first_seen_at"
	const values = "c.environment, c.started_at, c.lifecycle, c.content_hash, c.missing_since, c.first_seen_at"
	return "INSERT INTO conversation_keys AS k (project_id, conversation_id, " + columns + ") SELECT c.project_id, c.conversation_id, " + values +
		" FROM conversations c WHERE " + these + " ON CONFLICT (project_id, conversation_id) DO UPDATE SET (" + columns + ", source_digest) = (excluded.environment," +
		" excluded.started_at, excluded.lifecycle, excluded.content_hash, excluded.missing_since, excluded.first_seen_at, NULL) WHERE (k.environment, k.started_at," +
		" k.lifecycle, k.content_hash, k.missing_since, k.first_seen_at) IS DISTINCT FROM (excluded.environment, excluded.started_at, excluded.lifecycle," +
		" excluded.content_hash, excluded.missing_since, excluded.first_seen_at)"
}

// mendIndex makes the keys and the queue match the conversations of a range.
func (w *writer) mendIndex(ctx context.Context, m *load.Mending, r load.Range) error {
	const inRange = "c.project_id = $1 AND c.started_at >= $2 AND c.started_at < $3"
	statements := []string{
		keysOf(inRange),
		"DELETE FROM open_conversations q WHERE q.project_id = $1 AND q.started_at >= $2 AND q.started_at < $3 AND NOT " + hasOpen("q"),
		"INSERT INTO open_conversations (project_id, environment, conversation_id, started_at, first_seen_at)" +
			" SELECT c.project_id, c.environment, c.conversation_id, c.started_at, c.first_seen_at FROM conversations c WHERE " + inRange + " AND " + isQueued +
			" ON CONFLICT (project_id, conversation_id) DO UPDATE SET environment = excluded.environment, started_at = excluded.started_at",
	}
	return w.transact(ctx, "mend the index", m.ProjectID, func(tx pgx.Tx) error {
		for _, s := range statements {
			if _, err := tx.Exec(ctx, s, m.ProjectID, r.From.Time(), r.Until.Time()); err != nil {
				return err
			}
		}
		return nil
	}, nothing)
}
