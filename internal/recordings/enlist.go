package recordings

import (
	"context"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// enlistAtOnce limits the rows that are collected before they are recorded. The
// destination is not written while it is read.
const enlistAtOnce = 5 * flushResults

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
	until := warehouse.TimestampOf(t.options.Clock().AddDate(1, 0, 0)) // starts later than that are wrong
	var rows []load.RecordingResult
	return inPages(ctx, t.options.Destination, feed, 0, until, func(c *load.RecordedConversation) (full bool, err error) {
		if t.options.isStopped() {
			return false, errStopped
		}
		rows = append(rows, t.absent(c)...)
		return len(rows) >= enlistAtOnce, nil
	}, func() error {
		if err := t.buffer.add(ctx, rows...); err != nil {
			return err
		}
		t.counters.listed.Add(int64(len(rows)))
		rows = nil
		return nil
	})
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
