package pipeline

import (
	"context"
	"errors"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/polyai"
	"convsync/internal/warehouse"
)

// KindReplay is a run that takes rejects through today's rules.
const KindReplay = "replay"

// replayBatch is how many conversations are staged at once.
const replayBatch = 256

// Replay takes the stored rejects of the feeds through the transform again,
// without the source. What can be read now is loaded and is a reject no more.
func Replay(ctx context.Context, o Options) (*Report, error) {
	o.setDefaults()
	return o.record(ctx, KindReplay, func(r *run) error {
		if err := r.writer.Register(ctx, r.Projects); err != nil {
			return err
		}
		for i := range r.Feeds {
			f := r.newFeedRun(&r.Feeds[i], load.FeedState{})
			f.Rules.OpenSince = warehouse.TimestampOf(r.Clock().Add(-r.OpenAgeLimit))
			if err := f.replay(ctx); err != nil {
				return err
			}
			r.report.feedDone()
		}
		return r.describeFeeds(ctx)
	})
}

// replay loads the rejects of a feed that can be read now, as one stretch.
func (f *feedRun) replay(ctx context.Context) error {
	st := f.newStretch(extract.Span{})
	var resolved []string
	batch := &load.Batch{Stretch: st.id, Feed: st.feed}
	stage := func() error {
		rows := load.Newest(batch.Rows)
		batch = &load.Batch{Stretch: st.id, Feed: st.feed}
		if len(rows) == 0 {
			return nil
		}
		return f.writer.Stage(ctx, &load.Batch{Stretch: st.id, Feed: st.feed, Rows: rows})
	}
	err := f.Destination.Rejects(ctx, f.Feed.Feed, func(r *warehouse.Reject) error {
		st.read++
		rows, drift, err := rowsOf(polyai.Value(r.Payload), &f.Rules)
		if err != nil {
			return nil //nolint:nilerr // it stays a reject
		}
		st.note(drift)
		resolved = append(resolved, r.RejectID)
		batch.Rows = append(batch.Rows, rows)
		if len(batch.Rows) < replayBatch {
			return nil
		}
		return stage()
	})
	if err := errors.Join(err, stage()); err != nil {
		_, abandoned := f.writer.Abandon(context.WithoutCancel(ctx), st.id)
		return errors.Join(err, abandoned)
	}
	counts, err := f.writer.Publish(ctx, &load.Stretch{ID: st.id, Feed: st.feed, RunID: f.Owner.RunID, At: st.at, Resolved: resolved})
	if err != nil {
		return err
	}
	f.report.add(counts, st)
	return nil
}
