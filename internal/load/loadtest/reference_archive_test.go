package loadtest

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

func (r *reference) Read(ctx context.Context, feed load.Feed, from, until warehouse.Timestamp, yield func(*warehouse.Rows) error) error {
	var failed error
	for _, rows := range r.within(feed, from, until) {
		if r.fault == readsNoParts {
			rows.Turns, rows.Entities, rows.Metrics, rows.Audio = nil, nil, nil, nil
		}
		if err := ctx.Err(); err != nil && r.fault != readsUnstopped {
			return err
		}
		failed = errors.Join(failed, yield(rows))
		if failed != nil && r.fault != readsOn {
			break
		}
	}
	return failed
}

func (r *reference) Keys(_ context.Context, feed load.Feed, from, until warehouse.Timestamp) (keys []load.Key, err error) {
	for _, rows := range r.within(feed, from, until) {
		c := &rows.Conversation
		keys = append(keys, load.Key{ID: c.ConversationID, StartedAt: c.StartedAt, Missing: c.MissingSince.Valid && r.fault != keysForget})
	}
	return keys, nil
}

// within returns the conversations of a feed that started in a time range, in order.
func (r *reference) within(feed load.Feed, from, until warehouse.Timestamp) (found []*warehouse.Rows) {
	if r.fault == readsUntilToo {
		until++
	}
	for _, rows := range r.Dump(nil).Conversations {
		c := &rows.Conversation
		of := c.ProjectID == feed.ProjectID && (c.Environment == feed.Environment || r.fault == readsElsewhere)
		if of && c.StartedAt >= from && c.StartedAt < until {
			found = append(found, rows)
		}
	}
	slices.SortFunc(found, byStart)
	if r.fault == readsUnordered {
		slices.SortFunc(found, func(a, b *warehouse.Rows) int {
			return cmp.Compare(a.Conversation.ConversationID, b.Conversation.ConversationID)
		})
	}
	return found
}

func (r *reference) HiddenDays(_ context.Context, feed load.Feed, parts load.Parts) (days []warehouse.Timestamp, err error) {
	if r.fault == daysOfAllParts {
		parts = load.Parts{Transcripts: true, Metrics: true}
	}
	measured := map[warehouse.Timestamp]bool{} // days, and whether any of their conversations has metrics
	for _, rows := range r.Dump(nil).Conversations {
		c := &rows.Conversation
		hidden := c.TranscriptStatus == warehouse.TranscriptHidden ||
			c.TranscriptStatus == warehouse.TranscriptHiddenKept && r.fault != daysForgetKept
		if c.ProjectID != feed.ProjectID || c.Environment != feed.Environment {
			continue
		}
		if hidden && parts.Transcripts {
			days = append(days, midnight(c.StartedAt))
		}
		measured[midnight(c.StartedAt)] = measured[midnight(c.StartedAt)] || !load.NoMetrics(c.Metrics)
	}
	for day, any := range measured {
		if !any && parts.Metrics {
			days = append(days, day)
		}
	}
	slices.Sort(days)
	return slices.Compact(days), nil
}

func (r *reference) RejectKeys(_ context.Context, feed load.Feed) (keys []load.RejectKey, err error) {
	for _, in := range r.Dump(nil).Rejects {
		if feed == (load.Feed{ProjectID: in.ProjectID, Environment: in.Environment}) || r.fault == rejectsAnywhere {
			keys = append(keys, load.RejectKey{
				RejectID: in.RejectID, ConversationID: string(in.ConversationID), StartedAt: in.StartedAt, Missing: in.MissingSince.Valid,
			})
		}
	}
	return keys, nil
}

func (r *reference) Rejects(_ context.Context, feed load.Feed, yield func(*warehouse.Reject) error) error {
	var failed error
	for _, x := range r.Dump(nil).Rejects {
		if (x.ProjectID != feed.ProjectID || x.Environment != feed.Environment) && r.fault != rejectsAnywhere {
			continue
		}
		if failed = errors.Join(failed, yield(&x)); failed != nil && r.fault != rejectsOn {
			break
		}
	}
	return failed
}
