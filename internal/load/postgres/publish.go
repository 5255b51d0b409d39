package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// Publish commits the coverage of a window, whose rows Stage has committed,
// with its rejects, drift and missing conversations.
func (w *writer) Publish(ctx context.Context, st *load.Window) (load.Counts, error) {
	if err := st.Unjudged(w.otherStarts(st.ID)); err != nil {
		return load.Counts{}, err
	}
	counts, whole := w.counted(st.ID), *st
	whole.Drift = st.ElsewhereDrift(&counts)
	change, err := w.windowChange(ctx, &whole)
	if err != nil {
		return load.Counts{}, w.describe(err)
	}
	var published load.Counts
	if change.any() {
		published, err = w.again(ctx, func() (load.Counts, error) { return w.publish(ctx, change) })
		if err != nil {
			return load.Counts{}, w.describe(err)
		}
	}
	w.rejected.add(st.Feed, st.Rejects)
	counts.Add(published)
	return counts, nil
}

// publish commits the change. Missing conversations are written before the
// check of the epoch, like everything that locks conversations: otherwise the
// goroutines of two writers could deadlock.
func (w *writer) publish(ctx context.Context, c *windowChange) (counts load.Counts, err error) {
	var gone missing
	err = w.transact(ctx, "publish", c.Feed.ProjectID, func(tx pgx.Tx) error {
		gone, err = writeMissing(ctx, tx, c.Window)
		counts.Missing, counts.Rows = int64(len(gone.deleted)+len(gone.marked)), gone.rows
		return err
	}, func(tx pgx.Tx) error {
		if counts.NewRejects, err = c.commit(ctx, tx); err != nil {
			return err
		}
		for operation, ids := range map[string][]string{warehouse.OperationDelete: gone.deleted, warehouse.OperationUpsert: gone.marked} {
			if err := w.recordChanges(ctx, tx, c.Feed.ProjectID, operation, ids); err != nil {
				return err
			}
		}
		return nil
	})
	return counts, asRefusal(err)
}

// Abandon drops the counts of a window. Its rows are committed, and stay.
func (w *writer) Abandon(_ context.Context, id load.WindowID) (load.Counts, error) {
	return w.counted(id), nil
}

// windowChange holds the changes of a publication in addition to rows.
type windowChange struct {
	*load.Window
	gone      []warehouse.CoverageRange // stored ranges to delete
	covered   []warehouse.CoverageRange // ranges to store
	watermark bool                      // whether the watermark moves
}

// windowChange compares a window with what is stored of its feed. The project has
// one writer, and it publishes one window at a time, so what is read before the
// transaction cannot change until it.
func (w *writer) windowChange(ctx context.Context, st *load.Window) (*windowChange, error) {
	c := &windowChange{Window: st}
	const ofFeed = "WHERE project_id = $1 AND environment = $2"
	if st.Coverage != nil {
		for _, r := range st.Coverage {
			c.covered = append(c.covered, warehouse.CoverageRange{
				ProjectID:   st.Feed.ProjectID,
				Environment: st.Feed.Environment,
				From:        r.From,
				Until:       r.Until,
				ReadAt:      r.ReadAt,
				Shape:       r.Shape,
			})
		}
		err := selectAll(ctx, w.pool, &warehouse.SyncCoverage, ofFeed, func(old *warehouse.CoverageRange) {
			if i := slices.Index(c.covered, *old); i >= 0 {
				c.covered = slices.Delete(c.covered, i, i+1)
			} else {
				c.gone = append(c.gone, *old)
			}
		}, st.Feed.ProjectID, st.Feed.Environment)
		if err != nil {
			return nil, err
		}
	}
	if st.Watermark == 0 && !st.CorrectWatermark {
		return c, nil
	}
	c.watermark = st.Watermark != 0
	err := selectAll(ctx, w.pool, &warehouse.SyncWatermarks, ofFeed, func(old *warehouse.Watermark) {
		c.watermark = st.Watermark > old.Watermark || st.CorrectWatermark && st.Watermark != old.Watermark
	}, st.Feed.ProjectID, st.Feed.Environment)
	return c, err
}

func (c *windowChange) any() bool {
	return len(c.gone)+len(c.covered)+len(c.Rejects)+len(c.Drift)+len(c.Missing)+len(c.Resolved)+len(c.MissingRejects) > 0 || c.watermark || c.HiddenRead || c.Holes != nil || c.OtherID != ""
}

func (c *windowChange) commit(ctx context.Context, tx pgx.Tx) (newRejects int64, err error) {
	paths, err := c.driftPaths(ctx, tx)
	if err != nil {
		return 0, err
	}
	rejects, err := c.storable(ctx, tx)
	if err != nil {
		return 0, err
	}
	batch := &pgx.Batch{}
	for _, r := range c.gone {
		batch.Queue("DELETE FROM sync_coverage WHERE project_id = $1 AND environment = $2 AND covered_from = $3",
			r.ProjectID, r.Environment, r.From.Time())
	}
	for _, r := range c.covered {
		batch.Queue(`INSERT INTO sync_coverage (project_id, environment, covered_from, covered_until, read_at, shape)
			VALUES ($1, $2, $3, $4, $5, $6)`, r.ProjectID, r.Environment, r.From.Time(), r.Until.Time(), r.ReadAt.Time(), r.Shape)
	}
	c.queueWatermark(batch)
	if c.OtherID != "" {
		batch.Queue("UPDATE projects SET other_id = $2 WHERE project_id = $1 AND other_id IS DISTINCT FROM $2", c.Feed.ProjectID, c.OtherID)
	}
	c.queueHoles(batch)
	if c.HiddenRead {
		batch.Queue("DELETE FROM sync_revealed WHERE project_id = $1 AND environment = $2", c.Feed.ProjectID, c.Feed.Environment)
	}
	if len(c.Resolved) > 0 {
		batch.Queue("DELETE FROM rejects WHERE project_id = $1 AND environment = $2 AND reject_id = ANY($3)",
			c.Feed.ProjectID, c.Feed.Environment, c.Resolved)
	}
	if len(c.MissingRejects) > 0 {
		batch.Queue("UPDATE rejects SET missing_since = $4 WHERE project_id = $1 AND environment = $2 AND reject_id = ANY($3) AND missing_since IS NULL",
			c.Feed.ProjectID, c.Feed.Environment, c.MissingRejects, c.At.Time())
	}
	for i := range rejects {
		c.queueReject(batch, &rejects[i], &newRejects)
	}
	for i := range c.Drift {
		c.queueDrift(batch, &c.Drift[i], paths)
	}
	return newRejects, tx.SendBatch(ctx, batch).Close()
}

func (c *windowChange) queueWatermark(batch *pgx.Batch) {
	switch {
	case !c.watermark:
	case c.Watermark == 0:
		batch.Queue("DELETE FROM sync_watermarks WHERE project_id = $1 AND environment = $2", c.Feed.ProjectID, c.Feed.Environment)
	default:
		batch.Queue(`INSERT INTO sync_watermarks AS w (project_id, environment, watermark, updated_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (project_id, environment) DO UPDATE
			SET watermark = CASE WHEN $5 THEN excluded.watermark ELSE greatest(w.watermark, excluded.watermark) END,
				updated_at = CASE WHEN $5 THEN excluded.updated_at ELSE greatest(w.updated_at, excluded.updated_at) END`,
			c.Feed.ProjectID, c.Feed.Environment, c.Watermark.Time(), c.At.Time(), c.CorrectWatermark)
	}
}

func (c *windowChange) queueHoles(batch *pgx.Batch) {
	if c.Holes == nil {
		return
	}
	batch.Queue("DELETE FROM sync_holes WHERE project_id = $1 AND environment = $2", c.Feed.ProjectID, c.Feed.Environment)
	for i := range c.Holes {
		h := &c.Holes[i]
		batch.Queue(`INSERT INTO sync_holes (project_id, environment, hole_from, hole_until, reason, first_seen_at, last_tried_at, tries, next_try_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			h.ProjectID, h.Environment, h.From.Time(), h.Until.Time(), h.Reason, h.FirstSeenAt.Time(), h.LastTriedAt.Time(), h.Tries, h.NextTryAt.Time())
	}
}

func (c *windowChange) queueReject(batch *pgx.Batch, r *warehouse.Reject, newRejects *int64) {
	batch.Queue(`INSERT INTO rejects (project_id, environment, reject_id, conversation_id, started_at, reason, payload,
			first_seen_at, last_seen_at, run_id)
		VALUES ($1, $2, $3, nullif($4, ''), $5, $6, nullif($7, ''), $8, $9, $10)
		ON CONFLICT (project_id, environment, reject_id) DO UPDATE SET last_seen_at = greatest(rejects.last_seen_at, excluded.last_seen_at), missing_since = NULL,
			reason = CASE WHEN excluded.last_seen_at >= rejects.last_seen_at THEN excluded.reason ELSE rejects.reason END
		RETURNING xmax = 0`, // a new row
		r.ProjectID, r.Environment, r.RejectID, string(r.ConversationID), nullableTime(r.StartedAt), r.Reason, string(r.Payload),
		r.FirstSeenAt.Time(), r.LastSeenAt.Time(), r.RunID,
	).QueryRow(func(row pgx.Row) error {
		var isNew bool
		err := row.Scan(&isNew)
		if isNew {
			*newRejects++
		}
		return err
	})
}

// driftPaths reads the stored drift paths of the feed, which limit how many a
// window may add.
func (c *windowChange) driftPaths(ctx context.Context, tx pgx.Tx) (*load.DriftPaths, error) {
	var paths load.DriftPaths
	if len(c.Drift) == 0 {
		return &paths, nil
	}
	rows, err := tx.Query(ctx, "SELECT DISTINCT path, kind FROM schema_drift WHERE project_id = $1 AND environment = $2",
		c.Feed.ProjectID, c.Feed.Environment)
	if err != nil {
		return nil, err
	}
	var path, kind string
	_, err = pgx.ForEachRow(rows, []any{&path, &kind}, func() error {
		paths.Add(path, kind)
		return nil
	})
	return &paths, err
}

func (c *windowChange) queueDrift(batch *pgx.Batch, d *warehouse.Drift, paths *load.DriftPaths) {
	batch.Queue(`INSERT INTO schema_drift AS d (project_id, environment, path, kind, json_type, max_length_bytes, first_seen_at, last_seen_at, count)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (project_id, environment, path, kind, json_type) DO UPDATE SET
			max_length_bytes = greatest(d.max_length_bytes, excluded.max_length_bytes),
			first_seen_at = least(d.first_seen_at, excluded.first_seen_at),
			last_seen_at = greatest(d.last_seen_at, excluded.last_seen_at),
			count = d.count + excluded.count`,
		d.ProjectID, d.Environment, paths.Bound(d.Path, d.Kind), d.Kind, d.JSONType, d.MaxLengthBytes, d.FirstSeenAt.Time(), d.LastSeenAt.Time(), d.Count)
}
