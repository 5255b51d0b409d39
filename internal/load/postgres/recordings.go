package postgres

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

var _ load.RecordingReader = (*Database)(nil)

var (
	audio = newCopier(&warehouse.AudioReferences)
	// recorded has the columns of conversations that [load.RecordedOf] needs.
	recorded = func() *copier {
		c := newCopier(&warehouse.Conversations)
		c.columns = c.Find("project_id", "environment", "conversation_id", "channel", "direction", "from_number", "to_number",
			"started_at", "finished_at", "total_duration_seconds", "lifecycle", "missing_since", "run_id")
		return c
	}()
)

// dueWith is a query for the references of an availability that are due. The
// index audio_backlog has them in this order, except those of a recheck. It takes
// the project ($1), server time ($2), kinds ($3), the place before which it
// continues ($4, $5) and the number of rows ($6). The availability is part of the
// text, because the planner needs it to use the index.
func dueWith(availability, condition string) string {
	return `(SELECT a.conversation_id, a.started_at FROM audio_references AS a
		CROSS JOIN LATERAL (SELECT FROM conversation_keys AS k WHERE k.project_id = $1 AND k.conversation_id = a.conversation_id
			AND k.started_at = a.started_at AND k.lifecycle <> '` + warehouse.LifecycleOpen + `' AND k.missing_since IS NULL OFFSET 0) AS listed
		WHERE a.project_id = $1 AND a.availability = '` + availability + `' AND a.stored_at IS NULL AND ` + condition + `
			AND a.direction || a.redacted = ANY($3) AND a.started_at <= $4 AND (a.started_at < $4 OR a.conversation_id COLLATE "C" < $5)
		ORDER BY a.started_at DESC, a.conversation_id COLLATE "C" DESC LIMIT $6)`
}

// dueQuery returns the query for the conversations of a backlog. Those of each
// availability are in the order of the backlog.
func dueQuery(b *load.Backlog) string {
	const checked, onceOrChecked = "a.next_check_at <= $2", "(a.next_check_at IS NULL OR a.next_check_at <= $2)"
	var of []string
	for _, availability := range []string{
		warehouse.AudioUnknown, warehouse.AudioAvailable, warehouse.AudioMissing, warehouse.AudioForbidden, warehouse.AudioFailed,
	} {
		switch {
		case slices.Contains(b.Recheck, availability):
			of = append(of, dueWith(availability, "$2 = $2"))
		case availability == warehouse.AudioUnknown, availability == warehouse.AudioAvailable && b.Store:
			of = append(of, dueWith(availability, onceOrChecked))
		case availability != warehouse.AudioAvailable:
			of = append(of, dueWith(availability, checked))
		}
	}
	return strings.Join(of, " UNION ALL ")
}

// Backlog implements [load.RecordingReader].
func (d *Database) Backlog(ctx context.Context, project string, b load.Backlog) (due []load.RecordedConversation, err error) {
	if ready, err := d.ready(ctx); err != nil || !ready || len(b.Kinds) == 0 || b.Limit <= 0 {
		return nil, err
	}
	for limit := b.Limit; ; b.Limit = limit - len(due) {
		more, err := d.backlogPage(ctx, project, &b, &due)
		if err != nil {
			return nil, d.describe(err)
		}
		if !more || len(due) == limit {
			return due, nil
		}
	}
}

// backlogPage reads the next conversations of a backlog in one snapshot, advances,
// and reports whether there may be more.
func (d *Database) backlogPage(ctx context.Context, project string, b *load.Backlog, due *[]load.RecordedConversation) (more bool, err error) {
	moment := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, d.pool, moment, func(tx pgx.Tx) error {
		places, err := duePlaces(ctx, tx, project, b)
		if err != nil || len(places) == 0 {
			return err
		}
		b.Before, more = places[len(places)-1], len(places) == b.Limit
		ids, starts := make([]string, len(places)), make([]time.Time, len(places))
		for i, p := range places {
			ids[i], starts[i] = p.ConversationID, p.StartedAt.Time()
		}
		of, err := readRecorded(ctx, tx, project, ids, starts)
		if err != nil {
			return err
		}
		for _, id := range ids {
			r := of[id]
			if r == nil { // its own row was deleted by hand
				continue
			}
			r.Recordings = slices.DeleteFunc(r.Recordings, func(a warehouse.AudioReference) bool { return !b.Due(&a) })
			*due = append(*due, *r)
		}
		return nil
	})
	return more, err
}

// duePlaces lists the next conversations of a backlog.
func duePlaces(ctx context.Context, tx pgx.Tx, project string, b *load.Backlog) (due []load.RecordingPlace, err error) {
	if err := inIndexOrder(ctx, tx); err != nil {
		return nil, err
	}
	before := any("infinity")
	if b.Before != (load.RecordingPlace{}) {
		before = b.Before.StartedAt.Time()
	}
	kinds := make([]string, len(b.Kinds))
	for i, k := range b.Kinds {
		kinds[i] = kindText(k)
	}
	// A conversation has at most one row of each kind.
	found, err := tx.Query(ctx, dueQuery(b), project, b.DueAt.Time(), kinds, before, b.Before.ConversationID, b.Limit*len(kinds))
	if err != nil {
		return nil, err
	}
	var id string
	var start time.Time
	_, err = pgx.ForEachRow(found, []any{&id, &start}, func() error {
		due = append(due, load.RecordingPlace{StartedAt: warehouse.TimestampOf(start), ConversationID: id})
		return nil
	})
	slices.SortFunc(due, func(a, b load.RecordingPlace) int {
		return cmp.Or(cmp.Compare(b.StartedAt, a.StartedAt), cmp.Compare(b.ConversationID, a.ConversationID))
	})
	due = slices.Compact(due)
	return due[:min(b.Limit, len(due))], err
}

// kindText is the value of direction || redacted in SQL.
func kindText(k load.RecordingKind) string { return k.Direction + strconv.FormatBool(k.Redacted) }

// readRecorded reads conversations with all of their references.
func readRecorded(ctx context.Context, tx pgx.Tx, project string, ids []string, starts []time.Time) (map[string]*load.RecordedConversation, error) {
	of := make(map[string]*load.RecordedConversation, len(ids))
	if err := byIndex(ctx, tx); err != nil {
		return nil, err
	}
	err := selectFrom(ctx, tx, recorded, partOf(recorded.Name), func(row any) {
		r := load.RecordedOf(row.(*warehouse.Conversation))
		of[r.ConversationID] = &r
	}, project, ids, starts)
	if err != nil {
		return nil, err
	}
	err = selectFrom(ctx, tx, audio, partOf(audio.Name)+" ORDER BY conversation_id"+orderOf(&audio.Spec), func(row any) {
		a := row.(*warehouse.AudioReference)
		if r := of[a.ConversationID]; r != nil {
			r.Recordings = append(r.Recordings, *a)
		}
	}, project, ids, starts)
	return of, err
}

// RecordingState implements [load.RecordingReader].
func (d *Database) RecordingState(ctx context.Context, project string) (warehouse.RecordingState, error) {
	state := warehouse.RecordingState{ProjectID: project}
	if ready, err := d.ready(ctx); err != nil || !ready {
		return state, err
	}
	err := selectAll(ctx, d.pool, &warehouse.SyncRecordings, "WHERE project_id = $1", func(s *warehouse.RecordingState) { state = *s }, project)
	return state, d.describe(err)
}

// Removed implements [load.RecordingReader]. Sequence numbers are in the order of
// commits, so no change up to the last one is still to come.
func (d *Database) Removed(ctx context.Context, project string, after int64) (ids []string, last int64, err error) {
	if ready, err := d.ready(ctx); err != nil || !ready {
		return nil, 0, err
	}
	err = d.pool.QueryRow(ctx, `SELECT coalesce((SELECT max(sequence) FROM changes), 0), array(
			SELECT DISTINCT conversation_id COLLATE "C" FROM changes AS c WHERE sequence > $2 AND project_id = $1 AND operation = ANY($3)
				AND NOT EXISTS (SELECT FROM conversation_keys AS k WHERE k.project_id = c.project_id AND k.conversation_id = c.conversation_id)
			ORDER BY 1)`,
		project, after, []string{warehouse.OperationDelete, warehouse.OperationErase, warehouse.OperationExpire}).Scan(&last, &ids)
	return ids, last, d.describe(err)
}
