package postgres

import (
	"context"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// ready reports whether the tables exist. It returns false for an empty
// destination, which the first run prepares, and an error for one with another
// layout.
func (d *Database) ready(ctx context.Context) (bool, error) {
	s, err := d.checkLayout(ctx)
	return s.Applied > 0 && s.Applied == s.Known, err
}

// State returns what is stored about the feeds.
func (d *Database) State(ctx context.Context, feeds []load.Feed) (map[load.Feed]load.FeedState, error) {
	states := make(map[load.Feed]load.FeedState, len(feeds))
	for _, f := range feeds {
		states[f] = load.FeedState{}
	}
	if ready, err := d.ready(ctx); err != nil || !ready {
		return states, err
	}
	put := func(project, environment string, change func(*load.FeedState)) {
		f := load.Feed{ProjectID: project, Environment: environment}
		if s, asked := states[f]; asked {
			change(&s)
			states[f] = s
		}
	}
	const ofThese = "WHERE project_id = ANY($1) "
	projects := projectsOf(feeds)
	err := selectAll(ctx, d.pool, &warehouse.SyncCoverage, ofThese+"ORDER BY covered_from", func(r *warehouse.CoverageRange) {
		put(r.ProjectID, r.Environment, func(s *load.FeedState) {
			s.Coverage = append(s.Coverage, load.Range{From: r.From, Until: r.Until, ReadAt: r.ReadAt, Shape: r.Shape})
		})
	}, projects)
	if err == nil {
		err = selectAll(ctx, d.pool, &warehouse.SyncWatermarks, ofThese, func(r *warehouse.Watermark) {
			put(r.ProjectID, r.Environment, func(s *load.FeedState) { s.Watermark, s.WatermarkAt = r.Watermark, r.UpdatedAt })
		}, projects)
	}
	if err == nil {
		err = selectAll(ctx, d.pool, &warehouse.SyncRevealed, ofThese, func(r *warehouse.Reveal) {
			put(r.ProjectID, r.Environment, func(s *load.FeedState) { s.VisibleAgain = true })
		}, projects)
	}
	if err == nil {
		err = selectAll(ctx, d.pool, &warehouse.SyncHoles, ofThese+"ORDER BY hole_from", func(r *warehouse.Hole) {
			put(r.ProjectID, r.Environment, func(s *load.FeedState) { s.Holes = append(s.Holes, *r) })
		}, projects)
	}
	if err == nil {
		err = selectAll(ctx, d.pool, &warehouse.OpenConversations, ofThese+"ORDER BY started_at, conversation_id", func(r *warehouse.OpenConversation) {
			put(r.ProjectID, r.Environment, func(s *load.FeedState) {
				s.Open = append(s.Open, load.OpenConversation{ID: r.ConversationID, StartedAt: r.StartedAt})
			})
		}, projects)
	}
	return states, d.describe(err)
}

func projectsOf(feeds []load.Feed) []string {
	ids := make([]string, len(feeds))
	for i, f := range feeds {
		ids[i] = f.ProjectID
	}
	return ids
}

// Summary counts what is stored of the feeds.
func (d *Database) Summary(ctx context.Context, feeds []load.Feed) (map[load.Feed]load.FeedSummary, error) {
	summaries := make(map[load.Feed]load.FeedSummary, len(feeds))
	for _, f := range feeds {
		summaries[f] = load.FeedSummary{}
	}
	if ready, err := d.ready(ctx); err != nil || !ready {
		return summaries, err
	}
	for f := range summaries {
		s, err := d.summary(ctx, f)
		if err != nil {
			return nil, d.describe(err)
		}
		summaries[f] = s
	}
	return summaries, nil
}

func (d *Database) summary(ctx context.Context, f load.Feed) (s load.FeedSummary, err error) {
	const ofFeed = "WHERE project_id = $1 AND environment = $2 "
	var newest *time.Time
	err = d.pool.QueryRow(ctx, "SELECT count(*), count(*) FILTER (WHERE transcript_status IN ($3, $4)), count(missing_since), max(started_at) FROM conversations "+ofFeed,
		f.ProjectID, f.Environment, warehouse.TranscriptHidden, warehouse.TranscriptHiddenKept).Scan(&s.Conversations, &s.Hidden, &s.Missing, &newest)
	if newest != nil {
		s.Newest = warehouse.TimestampOf(*newest)
	}
	if err == nil {
		err = d.pool.QueryRow(ctx, "SELECT count(*) FROM rejects "+ofFeed, f.ProjectID, f.Environment).Scan(&s.Rejects)
	}
	if err == nil {
		err = selectAll(ctx, d.pool, &warehouse.SchemaDrift, ofFeed+`ORDER BY path COLLATE "C", kind, json_type`, func(r *warehouse.Drift) {
			s.Drift = append(s.Drift, *r)
		}, f.ProjectID, f.Environment)
	}
	if err == nil {
		err = selectAll(ctx, d.pool, &warehouse.SyncLateness, ofFeed+`ORDER BY measure COLLATE "C", upper_seconds`, func(r *warehouse.Lateness) {
			s.Lateness = append(s.Lateness, *r)
		}, f.ProjectID, f.Environment)
	}
	return s, err
}

// nullableTime returns a time as an argument of a query.
func nullableTime(t warehouse.Null[warehouse.Timestamp]) *time.Time {
	if !t.Valid {
		return nil
	}
	moment := t.V.Time()
	return &moment
}
