package memory

import (
	"context"
	"slices"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// Read implements [load.RowReader]. It yields copies, outside of the mutex.
func (d *Destination) Read(ctx context.Context, feed load.Feed, from, until warehouse.Timestamp, yield func(*warehouse.Rows) error) error {
	for _, rows := range d.of(feed, from, until) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := yield(cloneRows(rows)); err != nil {
			return err
		}
	}
	return nil
}

// Keys implements [load.KeyReader].
func (d *Destination) Keys(_ context.Context, feed load.Feed, from, until warehouse.Timestamp) (keys []load.Key, err error) {
	for _, rows := range d.of(feed, from, until) {
		c := &rows.Conversation
		keys = append(keys, load.Key{ID: c.ConversationID, StartedAt: c.StartedAt, Missing: c.MissingSince.Valid})
	}
	return keys, nil
}

// Digests implements [load.DigestReader].
func (d *Destination) Digests(ctx context.Context, feed load.Feed, from, until warehouse.Timestamp) (keys []load.DigestKey, err error) {
	stored, err := d.Keys(ctx, feed, from, until)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, k := range stored {
		keys = append(keys, load.DigestKey{Key: k, Digest: d.data.Digests[ID{feed.ProjectID, k.ID}]})
	}
	return keys, nil
}

// of is [Data.Of]. Its rows are not changed later.
func (d *Destination) of(feed load.Feed, from, until warehouse.Timestamp) []*warehouse.Rows {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.data.Of(feed, from, until)
}

// HiddenDays implements [load.HiddenReader].
func (d *Destination) HiddenDays(_ context.Context, feed load.Feed, parts load.Parts) (days []warehouse.Timestamp, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	hidden := map[warehouse.Timestamp]load.Parts{}
	for _, rows := range d.data.Conversations {
		c := &rows.Conversation
		if feedOf(c) != feed {
			continue
		}
		day, known := hidden[midnight(c.StartedAt)]
		hidden[midnight(c.StartedAt)] = load.Parts{
			Transcripts: day.Transcripts || load.IsHidden(c),
			Metrics:     (day.Metrics || !known) && load.NoMetrics(c.Metrics),
		}
	}
	for day, are := range hidden {
		if are.Transcripts && parts.Transcripts || are.Metrics && parts.Metrics {
			days = append(days, day)
		}
	}
	slices.Sort(days)
	return days, nil
}

// Rejects implements [load.RejectReader].
func (d *Destination) Rejects(_ context.Context, feed load.Feed, yield func(*warehouse.Reject) error) error {
	d.mu.Lock()
	rejects := slices.Clone(d.data.Rejects)
	d.mu.Unlock()
	for i := range rejects {
		r := &rejects[i]
		if feed != (load.Feed{ProjectID: r.ProjectID, Environment: r.Environment}) {
			continue
		}
		if err := yield(r); err != nil {
			return err
		}
	}
	return nil
}

// RejectKeys implements [load.RejectKeyReader].
func (d *Destination) RejectKeys(ctx context.Context, feed load.Feed) (keys []load.RejectKey, err error) {
	err = d.Rejects(ctx, feed, func(r *warehouse.Reject) error {
		keys = append(keys, load.RejectKey{
			RejectID:       r.RejectID,
			ConversationID: string(r.ConversationID),
			StartedAt:      r.StartedAt,
			Missing:        r.MissingSince.Valid,
		})
		return nil
	})
	return keys, err
}

// Audit yields the faults that a test added to [Data].
func (d *Destination) Audit(_ context.Context, project string, from, until warehouse.Timestamp, yield func(load.Fault) error) error {
	d.mu.Lock()
	faults := slices.Clone(d.data.Faults[project])
	d.mu.Unlock()
	for _, f := range faults {
		if f.StartedAt < from || f.StartedAt >= until {
			continue
		}
		if err := yield(f); err != nil {
			return err
		}
	}
	return nil
}

// Erased implements [load.ErasureReader].
func (d *Destination) Erased(_ context.Context, project string, ids []string) (erased []string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.data.Erased {
		if e[0] == project && slices.Contains(ids, e[1]) {
			erased = append(erased, e[1])
		}
	}
	return erased, nil
}
