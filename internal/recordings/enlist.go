package recordings

import (
	"context"
	"errors"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// enlistAtOnce limits the rows that are collected before they are recorded. The
// destination is not written while it is read.
const enlistAtOnce = 5 * flushResults

var errEnough = errors.New("enough rows")

// enlist adds the rows that the policy wants for conversations that are stored
// already. It does so once after each change of the policy.
func (t *turn) enlist(ctx context.Context) error {
	policy := &t.project.Policy
	fingerprint := warehouse.Text(policy.Fingerprint(t.project.BaseURL))
	enlisted := t.state.get().Enlisted
	if policy.Mode == Off || enlisted == fingerprint || enlisted == "" && policy.isDefault() {
		return nil
	}
	for _, environment := range t.project.Environments {
		if err := t.enlistFeed(ctx, load.Feed{ProjectID: t.project.StoredID, Environment: environment}); err != nil {
			return err
		}
	}
	if err := t.buffer.flush(ctx); err != nil {
		return err
	}
	t.state.change(func(s *warehouse.RecordingState) { s.Enlisted = fingerprint })
	return nil
}

func (t *turn) enlistFeed(ctx context.Context, feed load.Feed) error {
	from := warehouse.Timestamp(0)
	until := warehouse.TimestampOf(t.options.Clock().AddDate(1, 0, 0)) // starts later than that are wrong
	for {
		var rows []load.RecordingResult
		last := from
		err := t.options.Destination.Recordings(ctx, feed, from, until, func(c *load.RecordedConversation) error {
			if t.options.isStopped() {
				return errStopped
			}
			// Conversations with the same start are read again if they are separated.
			if len(rows) >= enlistAtOnce && c.StartedAt > last {
				last = c.StartedAt
				return errEnough
			}
			last = c.StartedAt
			rows = append(rows, t.absent(c)...)
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			return err
		}
		if err := t.buffer.add(ctx, rows...); err != nil {
			return err
		}
		t.counters.listed.Add(int64(len(rows)))
		if err == nil {
			return nil
		}
		from = last
	}
}

// absent returns the rows of a conversation that the policy wants, and that are not
// stored or have no URL.
func (t *turn) absent(c *load.RecordedConversation) (rows []load.RecordingResult) {
	stored := map[load.RecordingKind]*warehouse.AudioReference{}
	for i := range c.Recordings {
		stored[load.RecordingKeyOf(&c.Recordings[i]).RecordingKind] = &c.Recordings[i]
	}
	for _, k := range t.project.Policy.Kinds {
		row := t.project.reference(c, k)
		if a := stored[k]; a == nil || a.URL == "" && row.URL != "" {
			rows = append(rows, load.RecordingResult{AudioReference: row})
		}
	}
	return rows
}
