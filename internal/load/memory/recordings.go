package memory

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// Backlog implements [load.RecordingReader].
func (d *Destination) Backlog(_ context.Context, project string, b load.Backlog) (list []load.RecordedConversation, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, rows := range d.data.Conversations {
		c := &rows.Conversation
		place := load.RecordingPlace{StartedAt: c.StartedAt, ConversationID: c.ConversationID}
		if c.ProjectID != project || rows.IsOpen() || c.MissingSince.Valid || !b.Includes(place) {
			continue
		}
		r := load.RecordedOf(c)
		for i := range rows.Audio {
			if b.Due(&rows.Audio[i]) {
				r.Recordings = append(r.Recordings, rows.Audio[i])
			}
		}
		if len(r.Recordings) > 0 {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b load.RecordedConversation) int {
		return byStart(b.StartedAt, b.ConversationID, a.StartedAt, a.ConversationID)
	})
	return list[:min(b.Limit, len(list))], nil
}

// Recordings implements [load.RecordingReader].
func (d *Destination) Recordings(ctx context.Context, feed load.Feed, from, until warehouse.Timestamp, yield func(*load.RecordedConversation) error) error {
	for _, rows := range d.of(feed, from, until) {
		if rows.Conversation.ChannelFamily != warehouse.ChannelVoice {
			continue
		}
		r := load.RecordedOf(&rows.Conversation)
		r.Recordings = slices.Clone(rows.Audio)
		if err := cmp.Or(ctx.Err(), yield(&r)); err != nil {
			return err
		}
	}
	return nil
}

// RecordingCounts implements [load.RecordingReader].
func (d *Destination) RecordingCounts(_ context.Context, kinds map[string][]load.RecordingKind) (map[string]load.RecordingCounts, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	counts := map[string]load.RecordingCounts{}
	for p := range kinds {
		counts[p] = load.RecordingCounts{}
	}
	for id, rows := range d.data.Conversations {
		if n, wanted := counts[id[0]]; wanted {
			for i := range rows.Audio {
				a := &rows.Audio[i]
				n.Add(a, !rows.Conversation.MissingSince.Valid && slices.Contains(kinds[id[0]], load.RecordingKeyOf(a).RecordingKind))
			}
			counts[id[0]] = n
		}
	}
	return counts, nil
}

// RecordingState implements [load.RecordingReader].
func (d *Destination) RecordingState(_ context.Context, project string) (warehouse.RecordingState, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.data.Recordings {
		if s.ProjectID == project {
			return s, nil
		}
	}
	return warehouse.RecordingState{ProjectID: project}, nil
}

// Removed implements [load.RecordingReader].
func (d *Destination) Removed(_ context.Context, project string, after int64) (ids []string, last int64, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.data.Changes {
		stored := d.data.Conversations[ID{c.ProjectID, c.ConversationID}] != nil
		if c.ProjectID == project && c.Sequence > after && c.Operation != warehouse.OperationUpsert && !stored {
			ids = append(ids, c.ConversationID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), d.data.Sequence, nil
}

// ClaimRecordings implements [load.RecordingClaimer].
func (d *Destination) ClaimRecordings(_ context.Context, owner load.Owner, project string) (load.RecordingClaim, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if i := slices.IndexFunc(d.claims, func(c *claim) bool { return c.project == project }); i >= 0 {
		return nil, &load.LockedError{Where: "the memory", Project: project, Owner: d.claims[i].owner}
	}
	c := &claim{destination: d, owner: owner, project: project}
	d.claims = append(d.claims, c)
	return c, nil
}

// claim implements [load.RecordingClaim].
type claim struct {
	destination *Destination
	owner       load.Owner
	project     string
}

// Lost returns nil: a claim in memory cannot be lost.
func (c *claim) Lost() <-chan error { return nil }

func (c *claim) Record(_ context.Context, results []load.RecordingResult, state *warehouse.RecordingState) (gone []load.RecordingKey, err error) {
	d := c.destination
	d.mu.Lock()
	defer d.mu.Unlock()
	if !slices.Contains(d.claims, c) {
		return nil, fmt.Errorf("the claim is closed: %w", load.ErrLockLost)
	}
	for _, w := range d.writers {
		if len(w.unended.Projects) == 0 {
			return nil, &load.LockedError{Where: "the memory", Owner: w.unended.Owner}
		}
	}
	for i := range results {
		if !d.data.record(ID{c.project, results[i].ConversationID}, &results[i]) {
			gone = append(gone, load.RecordingKeyOf(&results[i].AudioReference))
		}
	}
	if state != nil {
		put(&d.data.Recordings, *state, func(s *warehouse.RecordingState) bool { return s.ProjectID == state.ProjectID }, nil)
	}
	return gone, nil
}

// record merges a result into a conversation. It returns false if that is not
// stored.
func (d *Data) record(id ID, result *load.RecordingResult) bool {
	stored := d.Conversations[id]
	if stored == nil || slices.Contains(d.Erased, id) {
		return false
	}
	rows := cloneRows(stored)
	added := result.AudioReference
	key := load.RecordingKeyOf(&added)
	same := func(a *warehouse.AudioReference) bool { return load.RecordingKeyOf(a) == key }
	if result.Forget && !slices.ContainsFunc(rows.Audio, func(a warehouse.AudioReference) bool { return same(&a) }) {
		return true // there is no copy to forget
	}
	put(&rows.Audio, added, same, func(stored, in *warehouse.AudioReference) { *in = load.MergeRecording(*stored, result) })
	for _, p := range warehouse.Parts {
		p.Bind(rows)
		p.Sort(rows)
	}
	d.Conversations[id] = rows
	return true
}

func (c *claim) Close() error {
	c.destination.mu.Lock()
	defer c.destination.mu.Unlock()
	c.destination.claims = slices.DeleteFunc(c.destination.claims, func(other *claim) bool { return other == c })
	return nil
}
