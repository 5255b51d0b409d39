package pipeline

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/polyai"
	"convsync/internal/transform"
	"convsync/internal/warehouse"
)

// KindReplay is the kind of a run that transforms stored rejects again.
const KindReplay = "replay"

// replayBatch is the number of conversations per batch.
const replayBatch = 256

// Replay transforms the stored rejects of the feeds again, without the source.
// Those that can be read now are loaded, unless a newer version is stored, and are
// removed from the rejects.
func Replay(ctx context.Context, o Options) (*Report, error) {
	o.setDefaults()
	return o.record(ctx, KindReplay, func(ctx context.Context, r *run) error {
		if err := r.register(ctx); err != nil {
			return err
		}
		if err := r.recover(ctx); err != nil {
			return err
		}
		for i := range r.Feeds {
			f := r.newFeedRun(&r.Feeds[i], load.FeedState{})
			if isMisplaced(f.feed.Refused) { // a replay needs no key
				r.report.failFeed(f.describe(f.feed.Refused))
				continue
			}
			f.sure = extract.SecondOf(r.Clock())
			if err := f.replay(ctx); err != nil {
				return err
			}
			r.report.feedDone(f.feed.Feed)
		}
		return r.describeFeeds(ctx)
	})
}

// replay loads the rejects of a feed that can be read now, as one window.
func (f *feedRun) replay(ctx context.Context) error {
	last, err := f.lastRejects(ctx)
	if err != nil {
		return err
	}
	p := &replaying{
		feedRun: f, st: f.newWindow(extract.Span{}),
		waiting: map[*warehouse.Rows]warehouse.Reject{}, seen: map[warehouse.Timestamp][]*warehouse.Rows{},
	}
	missing := 0
	err = f.run.Destination.Rejects(ctx, f.feed.Feed, func(r *warehouse.Reject) error {
		if r.MissingSince.Valid {
			missing++
			return nil
		}
		if id := conversationOf(r); id != "" && last[id].RejectID != r.RejectID {
			return nil // only the latest reject of a conversation is tried
		}
		return p.try(ctx, r)
	})
	if missing > 0 {
		f.log.Info("the source no longer lists the conversations of some rejects; they are not loaded", "rejects", missing)
	}
	if err := errors.Join(err, p.stage(ctx)); err != nil {
		_, abandoned := f.run.writer.Abandon(context.WithoutCancel(ctx), p.st.id)
		return errors.Join(err, abandoned)
	}
	out := &load.Window{
		ID:       p.st.id,
		Feed:     p.st.feed,
		RunID:    f.run.Owner.RunID,
		At:       p.st.at,
		Resolved: p.resolved,
		Rejects:  p.refused,
		Drift:    slices.Collect(maps.Values(p.st.drift)),
	}
	counts, err := f.run.writer.Publish(ctx, out)
	if earlier := (*load.EarlierStartsError)(nil); errors.As(err, &earlier) {
		out.Judged = map[string]warehouse.Timestamp{}
		for _, o := range earlier.Earlier { // the stored version is newer
			out.Judged[o.ID] = max(out.Judged[o.ID], o.Stored)
		}
		counts, err = f.run.writer.Publish(ctx, out)
	}
	if err != nil {
		return err
	}
	f.run.report.add(counts, p.st)
	return nil
}

// lastRejects returns the latest reject of each conversation, by conversation id.
// It is newer than the others, whether it can be read or not.
func (f *feedRun) lastRejects(ctx context.Context) (map[string]warehouse.Reject, error) {
	last := map[string]warehouse.Reject{}
	err := f.run.Destination.Rejects(ctx, f.feed.Feed, func(r *warehouse.Reject) error {
		if r.MissingSince.Valid {
			return nil
		}
		id := conversationOf(r)
		old, known := last[id]
		if !known || cmp.Or(cmp.Compare(r.LastSeenAt, old.LastSeenAt), cmp.Compare(r.RejectID, old.RejectID)) > 0 {
			last[id] = warehouse.Reject{RejectID: r.RejectID, LastSeenAt: r.LastSeenAt}
		}
		return nil
	})
	return last, err
}

// conversationOf returns the conversation id of a reject; "" if it has none, or if
// the stored one is truncated.
func conversationOf(r *warehouse.Reject) string {
	if r.Reason == transform.RejectLongID {
		return ""
	}
	return string(r.ConversationID)
}

// replaying is the state of a replay of one feed.
type replaying struct {
	*feedRun
	st       *window
	resolved []string
	refused  []warehouse.Reject                        // by the destination, with the current reason
	waiting  map[*warehouse.Rows]warehouse.Reject      // to be staged, without payload
	seen     map[warehouse.Timestamp][]*warehouse.Rows // the same, by the time of the response
}

// try reads a reject.
func (p *replaying) try(ctx context.Context, r *warehouse.Reject) error {
	p.st.read++
	value := polyai.Value(r.Payload)
	if !polyai.IsSound(value) {
		p.st.rejected++
		return nil
	}
	rows, drift, err := rowsOf(value, p.st.options, p.st.openSince)
	if err != nil {
		p.st.rejected++
		return nil //nolint:nilerr // it remains a reject
	}
	p.st.note(drift)
	reject := *r
	reject.Payload = "" // already stored
	p.waiting[rows] = reject
	p.seen[r.LastSeenAt] = append(p.seen[r.LastSeenAt], rows)
	if len(p.waiting) < replayBatch {
		return nil
	}
	return p.stage(ctx)
}

// stage stages the waiting rows, with the response times of the rejects.
func (p *replaying) stage(ctx context.Context) error {
	for _, at := range slices.Sorted(maps.Keys(p.seen)) {
		err := p.run.writer.Stage(ctx, &load.Batch{
			Window: p.st.id,
			Feed:   p.st.feed,
			Rows:   p.seen[at],
			SeenAt: at,
			Rules:  p.feed.Transform.Stored,
			Refuse: p.refuse,
		})
		if err != nil {
			return err
		}
	}
	for _, reject := range p.waiting {
		p.resolved = append(p.resolved, reject.RejectID)
	}
	clear(p.waiting)
	clear(p.seen)
	return nil
}

// refuse records the reject of a conversation that the destination still refuses.
func (p *replaying) refuse(rows *warehouse.Rows, reason string) {
	reject := p.waiting[rows]
	delete(p.waiting, rows)
	reject.Reason = reason
	p.refused = append(p.refused, reject)
	p.st.rejected++
}
