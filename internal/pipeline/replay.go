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

// KindReplay is a run that takes rejects through today's rules.
const KindReplay = "replay"

// replayBatch is how many conversations are staged at once.
const replayBatch = 256

// Replay takes the stored rejects of the feeds through the transform again,
// without the source. What can be read now is loaded, unless what is stored is
// newer, and is a reject no more.
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
			if isMisplaced(f.Refused) { // it takes no key
				r.report.failFeed(f.describe(f.Refused))
				continue
			}
			f.Rules.OpenSince = warehouse.TimestampOf(r.Clock().Add(-r.OpenAgeLimit))
			if err := f.replay(ctx); err != nil {
				return err
			}
			r.report.feedDone(f.Feed.Feed)
		}
		return r.describeFeeds(ctx)
	})
}

// replay loads the rejects of a feed that can be read now, as one stretch.
func (f *feedRun) replay(ctx context.Context) error {
	last, err := f.lastRejects(ctx)
	if err != nil {
		return err
	}
	p := &replaying{
		feedRun: f, st: f.newStretch(extract.Span{}),
		waiting: map[*warehouse.Rows]warehouse.Reject{}, seen: map[warehouse.Timestamp][]*warehouse.Rows{},
	}
	missing := 0
	err = f.Destination.Rejects(ctx, f.Feed.Feed, func(r *warehouse.Reject) error {
		if r.MissingSince.Valid {
			missing++
			return nil
		}
		if id := conversationOf(r); id != "" && last[id].RejectID != r.RejectID {
			return nil // it goes with the last of its conversation, and stays with it
		}
		return p.try(ctx, r)
	})
	if missing > 0 {
		f.Log.Info("the source no longer lists conversations that are in rejects; they are not loaded", "rejects", missing)
	}
	if err := errors.Join(err, p.stage(ctx)); err != nil {
		_, abandoned := f.writer.Abandon(context.WithoutCancel(ctx), p.st.id)
		return errors.Join(err, abandoned)
	}
	out := &load.Stretch{
		ID: p.st.id, Feed: p.st.feed, RunID: f.Owner.RunID, At: p.st.at,
		Resolved: p.resolved, Rejects: p.refused, Drift: slices.Collect(maps.Values(p.st.drift)),
	}
	counts, err := f.writer.Publish(ctx, out)
	if earlier := (*load.EarlierStartsError)(nil); errors.As(err, &earlier) {
		out.Judged = map[string]warehouse.Timestamp{}
		for _, o := range earlier.Earlier { // what is stored is newer
			out.Judged[o.ID] = max(out.Judged[o.ID], o.Stored)
		}
		counts, err = f.writer.Publish(ctx, out)
	}
	if err != nil {
		return err
	}
	f.report.add(counts, p.st)
	return nil
}

// lastRejects is, of each conversation of which there are rejects, the one that
// was answered last. The others are older than it, whether it can be read or not.
func (f *feedRun) lastRejects(ctx context.Context) (map[string]warehouse.Reject, error) {
	last := map[string]warehouse.Reject{}
	err := f.Destination.Rejects(ctx, f.Feed.Feed, func(r *warehouse.Reject) error {
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

// conversationOf is the id of a reject's conversation; "" where it has none that
// is whole.
func conversationOf(r *warehouse.Reject) string {
	if r.Reason == transform.RejectLongID {
		return ""
	}
	return string(r.ConversationID)
}

// replaying is a replay of one feed on its way.
type replaying struct {
	*feedRun
	st       *stretch
	resolved []string
	refused  []warehouse.Reject                        // by the destination, with the reason of now
	waiting  map[*warehouse.Rows]warehouse.Reject      // to be staged, without payload
	seen     map[warehouse.Timestamp][]*warehouse.Rows // these, by when they were answered
}

// try reads a reject.
func (p *replaying) try(ctx context.Context, r *warehouse.Reject) error {
	p.st.read++
	value := polyai.Value(r.Payload)
	if !polyai.IsSound(value) {
		p.st.rejected++
		return nil
	}
	rows, drift, err := rowsOf(value, &p.Rules)
	if err != nil {
		p.st.rejected++
		return nil //nolint:nilerr // it stays a reject
	}
	p.st.note(drift)
	reject := *r
	reject.Payload = "" // it is stored
	p.waiting[rows] = reject
	p.seen[r.LastSeenAt] = append(p.seen[r.LastSeenAt], rows)
	if len(p.waiting) < replayBatch {
		return nil
	}
	return p.stage(ctx)
}

// stage stages what waits, as answered when the rejects were.
func (p *replaying) stage(ctx context.Context) error {
	for _, at := range slices.Sorted(maps.Keys(p.seen)) {
		err := p.writer.Stage(ctx, &load.Batch{Stretch: p.st.id, Feed: p.st.feed, Rows: p.seen[at], SeenAt: at, Refuse: p.refuse})
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

// refuse keeps the reject of a conversation that the destination still refuses.
func (p *replaying) refuse(rows *warehouse.Rows, reason string) {
	reject := p.waiting[rows]
	delete(p.waiting, rows)
	reject.Reason = reason
	p.refused = append(p.refused, reject)
	p.st.rejected++
}
