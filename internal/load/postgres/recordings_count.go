package postgres

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

const (
	countReferences = `SELECT project_id, availability, count(*), count(stored_at), coalesce(sum(size_bytes) FILTER (WHERE stored_at IS NOT NULL), 0)::bigint
		FROM audio_references WHERE project_id = ANY($1) GROUP BY 1, 2`
	// countBacklog reads only references that are in the index audio_backlog, and
	// nothing else if there are none.
	countBacklog = `SELECT a.project_id, a.availability, count(*), min(a.started_at)
		FROM audio_references AS a JOIN conversation_keys AS k
			ON k.project_id = a.project_id AND k.conversation_id = a.conversation_id AND k.started_at = a.started_at
		WHERE a.project_id = ANY($1) AND a.availability IN ('` + warehouse.AudioUnknown + `', '` + warehouse.AudioAvailable + `') AND a.stored_at IS NULL
			AND a.project_id || '/' || a.direction || a.redacted = ANY($2) AND k.missing_since IS NULL
		GROUP BY 1, 2`
)

// RecordingCounts implements [load.RecordingReader].
func (d *Database) RecordingCounts(ctx context.Context, kinds map[string][]load.RecordingKind) (map[string]load.RecordingCounts, error) {
	counts := make(map[string]load.RecordingCounts, len(kinds))
	for p := range kinds {
		counts[p] = load.RecordingCounts{}
	}
	if ready, err := d.ready(ctx); err != nil || !ready {
		return counts, err
	}
	moment := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, d.pool, moment, func(tx pgx.Tx) error {
		if err := addReferences(ctx, tx, counts); err != nil {
			return err
		}
		return addBacklog(ctx, tx, kinds, counts)
	})
	return counts, d.describe(err)
}

// addReferences counts the references of projects by availability.
func addReferences(ctx context.Context, tx pgx.Tx, counts map[string]load.RecordingCounts) error {
	rows, err := tx.Query(ctx, countReferences, slices.Collect(maps.Keys(counts)))
	if err != nil {
		return err
	}
	var project, availability string
	var n, stored, bytes int64
	_, err = pgx.ForEachRow(rows, []any{&project, &availability, &n, &stored, &bytes}, func() error {
		c := counts[project]
		switch availability {
		case warehouse.AudioUnknown:
			c.Unknown = n
		case warehouse.AudioAvailable:
			c.Available = n
		case warehouse.AudioMissing:
			c.Missing = n
		case warehouse.AudioForbidden:
			c.Forbidden = n
		case warehouse.AudioFailed:
			c.Failed = n
		}
		c.Stored += stored
		c.StoredBytes += bytes
		counts[project] = c
		return nil
	})
	return err
}

// addBacklog counts the backlog of projects, of the kinds that are worked on.
func addBacklog(ctx context.Context, tx pgx.Tx, kinds map[string][]load.RecordingKind, counts map[string]load.RecordingCounts) error {
	var projects, texts []string
	for p, worked := range kinds {
		for _, k := range worked {
			projects, texts = append(projects, p), append(texts, p+"/"+kindText(k))
		}
	}
	if len(projects) == 0 {
		return nil
	}
	// The planner expects very few rows of these kinds, and would look up the key of
	// each of a million, and sort them.
	_, err := tx.Exec(ctx, "SET LOCAL enable_nestloop = off; SET LOCAL enable_sort = off; SET LOCAL jit = off", pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		return err
	}
	rows, err := tx.Query(ctx, countBacklog, projects, texts)
	if err != nil {
		return err
	}
	var project, availability string
	var n int64
	var oldest time.Time
	_, err = pgx.ForEachRow(rows, []any{&project, &availability, &n, &oldest}, func() error {
		c := counts[project]
		c.AddBacklog(availability, n, warehouse.TimestampOf(oldest))
		counts[project] = c
		return nil
	})
	return err
}
