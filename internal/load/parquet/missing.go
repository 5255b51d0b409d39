package parquet

import (
	"context"
	"strings"

	"convsync/internal/warehouse"
)

// findMissing finds conversations that the source no longer lists and that are
// still stored with the start at which the source was searched. Staged
// conversations are listed.
func (p *publication) findMissing(ctx context.Context) error {
	listed := map[string]bool{}
	if p.staged != nil && len(p.window.Missing) > 0 {
		for _, e := range p.staged.entries {
			listed[e.id] = true
		}
	}
	starts := map[partition]map[string]warehouse.Timestamp{} // by id
	for _, key := range p.window.Missing {
		if listed[key.ID] {
			continue
		}
		part, _, err := p.layouts.at(p.window.Feed.ProjectID, dayOf(key.StartedAt))
		if err != nil {
			return err
		}
		if starts[part] == nil {
			starts[part] = map[string]warehouse.Timestamp{}
		}
		starts[part][key.ID] = key.StartedAt
	}
	for part, ids := range starts {
		if err := p.findMissingOn(ctx, part, ids); err != nil {
			return err
		}
	}
	return nil
}

func (p *publication) findMissingOn(ctx context.Context, part partition, starts map[string]warehouse.Timestamp) error {
	return p.lake.own().scan(ctx, part, func(c *warehouse.Conversation) {
		start, missing := starts[c.ConversationID]
		if !missing || c.StartedAt != start || c.Environment != p.window.Feed.Environment {
			return
		}
		if p.window.DeleteMissing || !c.MissingSince.Valid {
			p.stored(part).missing[strings.Clone(c.ConversationID)] = start
		}
	}, keyColumns...)
}

// markMissing marks a stored conversation as missing. It returns false if the
// conversation is to be deleted instead.
func (m *merger) markMissing(c *warehouse.Conversation) (keep bool) {
	key := conversationKey{m.change.project, strings.Clone(c.ConversationID)}
	m.result.counts.Missing++
	m.close(key)
	if m.window.DeleteMissing {
		m.result.change(key, warehouse.OperationDelete)
		return false
	}
	m.result.counts.Rows[conversations.Name()]++
	c.MissingSince = warehouse.Some(m.window.At)
	m.result.change(key, warehouse.OperationUpsert)
	return true
}
