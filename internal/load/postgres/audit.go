package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// auditCheck finds one kind of fault. Its query returns ids and starts for a
// project ($1) and starts within [$2, $3).
type auditCheck struct {
	kind  load.FaultKind
	table string
	query string
}

// auditChecks returns all checks. Each is one statement, and thus one snapshot.
// A check of a conversation's copies or key finds it by either of the two
// starts.
func auditChecks() []auditCheck {
	const inRange = " WHERE c.project_id = $1 AND c.started_at >= $2 AND c.started_at < $3 "
	const sameID = "k.project_id = c.project_id AND k.conversation_id = c.conversation_id"
	const differ = `(k.environment, k.started_at, k.lifecycle, k.content_hash, k.missing_since, k.first_seen_at)
		IS DISTINCT FROM (c.environment, c.started_at, c.lifecycle, c.content_hash, c.missing_since, c.first_seen_at)`
	const pick = "SELECT c.conversation_id, c.started_at FROM "
	checks := []auditCheck{
		{load.FaultSecondCopy, "conversations", pick + "conversations c JOIN conversation_keys k ON " + sameID + inRange +
			"AND k.started_at <> c.started_at AND EXISTS (SELECT FROM conversations o WHERE o.project_id = k.project_id AND o.conversation_id = k.conversation_id AND o.started_at = k.started_at)" +
			" UNION " + pick + "conversations c LEFT JOIN conversation_keys k ON " + sameID + inRange +
			"AND k.project_id IS NULL AND EXISTS (SELECT FROM conversations o WHERE o.project_id = c.project_id AND o.conversation_id = c.conversation_id AND o.started_at <> c.started_at)" +
			" UNION " + pick + "conversation_keys c" + inRange + "AND (SELECT count(*) FROM conversations o WHERE o.project_id = c.project_id AND o.conversation_id = c.conversation_id) > 1"},
		{load.FaultMissingKey, "conversation_keys", pick + "conversations c LEFT JOIN conversation_keys k ON " + sameID + inRange + "AND k.project_id IS NULL"},
		{load.FaultStaleKey, "conversation_keys", pick + "conversations c JOIN conversation_keys k ON " + sameID + inRange + "AND " + differ +
			" AND (k.started_at = c.started_at OR NOT EXISTS (SELECT FROM conversations o WHERE o.project_id = k.project_id AND o.conversation_id = k.conversation_id AND o.started_at = k.started_at))"},
		{load.FaultLostRow, "conversations", pick + "conversation_keys c" + inRange +
			"AND NOT EXISTS (SELECT FROM conversations o WHERE o.project_id = c.project_id AND o.conversation_id = c.conversation_id)"},
		{load.FaultLifecycle, "conversations", pick + "conversations c" + inRange + "AND " + wrongLifecycle},
		{load.FaultNotQueued, "open_conversations", pick + "conversations c" + inRange + "AND " + isQueued +
			" AND NOT EXISTS (SELECT FROM open_conversations q WHERE q.project_id = c.project_id AND q.conversation_id = c.conversation_id" +
			" AND q.environment = c.environment AND q.started_at = c.started_at)"},
		{load.FaultStaleEntry, "open_conversations", pick + "open_conversations c" + inRange + "AND NOT " + hasOpen("c")},
	}
	for _, table := range partitioned[1:] {
		checks = append(checks, auditCheck{load.FaultOrphanParts, table, "SELECT DISTINCT c.conversation_id, c.started_at FROM " + table + " c" + inRange + "AND " + isOrphan})
	}
	return checks
}

const (
	// wrongLifecycle is the SQL condition that the lifecycle of a conversation c
	// contradicts in_progress.
	wrongLifecycle = `(coalesce(c.in_progress, false) <> (c.lifecycle IN ('` + warehouse.LifecycleOpen + `', '` + warehouse.LifecycleAbandoned + `'))
		OR c.lifecycle NOT IN ('` + warehouse.LifecycleOpen + `', '` + warehouse.LifecycleAbandoned + `', '` + warehouse.LifecycleFinal + `'))`
	// isQueued is the SQL condition that a conversation c must be in the
	// open-conversation queue.
	isQueued = `c.lifecycle = '` + warehouse.LifecycleOpen + `' AND c.missing_since IS NULL`
	// isOrphan is the SQL condition that the conversation of a part c is not
	// stored with its start.
	isOrphan = `NOT EXISTS (SELECT FROM conversations o WHERE o.project_id = c.project_id AND o.conversation_id = c.conversation_id
		AND o.started_at = c.started_at)`
)

// hasOpen returns the SQL condition that an entry of the queue has an open
// conversation.
func hasOpen(entry string) string {
	return "EXISTS (SELECT FROM conversations o WHERE o.project_id = " + entry + ".project_id AND o.conversation_id = " + entry +
		".conversation_id AND o.environment = " + entry + ".environment AND o.started_at = " + entry + ".started_at AND o.lifecycle = '" +
		warehouse.LifecycleOpen + "' AND o.missing_since IS NULL)"
}

// Audit implements [load.Auditor].
func (d *Database) Audit(ctx context.Context, project string, from, until warehouse.Timestamp, yield func(load.Fault) error) error {
	if ready, err := d.ready(ctx); err != nil || !ready {
		return err
	}
	for _, c := range auditChecks() {
		var failed error
		err := audit(ctx, d.pool, c, project, from, until, func(id string, start time.Time) error {
			failed = yield(load.Fault{Kind: c.kind, Table: c.table, ID: id, StartedAt: warehouse.TimestampOf(start)})
			return failed
		})
		if failed != nil {
			return failed
		}
		if err != nil {
			return d.describe(err)
		}
	}
	return nil
}

func audit(ctx context.Context, q querier, c auditCheck, project string, from, until warehouse.Timestamp, use func(string, time.Time) error) error {
	found, err := q.Query(ctx, c.query, project, from.Time(), until.Time())
	if err != nil {
		return err
	}
	var id string
	var start time.Time
	_, err = pgx.ForEachRow(found, []any{&id, &start}, func() error { return use(id, start) })
	return err
}

// Erased implements [load.Auditor].
func (d *Database) Erased(ctx context.Context, project string, ids []string) (erased []string, err error) {
	if ready, err := d.ready(ctx); err != nil || !ready || len(ids) == 0 {
		return nil, err
	}
	found, err := d.pool.Query(ctx, "SELECT conversation_id FROM erasures WHERE project_id = $1 AND conversation_id = ANY($2)", project, ids)
	if err == nil {
		erased, err = pgx.CollectRows(found, pgx.RowTo[string])
	}
	return erased, d.describe(err)
}
