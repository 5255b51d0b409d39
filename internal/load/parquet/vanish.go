package parquet

import (
	"context"
	"strings"

	"convsync/internal/warehouse"
)

// vanish finds what the source no longer lists and is still stored with the
// start that it was looked for with. What was staged is listed.
func (p *publication) vanish(ctx context.Context) error {
	listed := map[string]bool{}
	if p.staged != nil && len(p.stretch.Missing) > 0 {
		for _, e := range p.staged.entries {
			listed[e.id] = true
		}
	}
	starts := map[partition]map[string]warehouse.Timestamp{} // by id
	for _, key := range p.stretch.Missing {
		if listed[key.ID] {
			continue
		}
		part := partition{p.stretch.Feed.ProjectID, dayOf(key.StartedAt)}
		if starts[part] == nil {
			starts[part] = map[string]warehouse.Timestamp{}
		}
		starts[part][key.ID] = key.StartedAt
	}
	for part, ids := range starts {
		if err := p.vanishFrom(ctx, part, ids); err != nil {
			return err
		}
	}
	return nil
}

func (p *publication) vanishFrom(ctx context.Context, part partition, starts map[string]warehouse.Timestamp) error {
	return p.lake.own().scan(ctx, part, func(c *warehouse.Conversation) {
		start, missing := starts[c.ConversationID]
		if !missing || c.StartedAt != start || c.Environment != p.stretch.Feed.Environment {
			return
		}
		if p.stretch.DeleteMissing || !c.MissingSince.Valid {
			p.day(part).vanished[strings.Clone(c.ConversationID)] = true
		}
	}, keyColumns...)
}

// vanish marks a stored conversation as missing, or drops it: then it is not to
// be written.
func (m *merger) vanish(c *warehouse.Conversation) (keep bool) {
	key := conversationKey{m.change.partition.project, strings.Clone(c.ConversationID)}
	m.result.counts.Missing++
	m.result.closed = append(m.result.closed, key)
	if m.stretch.DeleteMissing {
		m.result.change(key, warehouse.OperationDelete)
		return false
	}
	m.result.counts.Rows[conversations.table.Name]++
	c.MissingSince = warehouse.Some(m.stretch.At)
	m.result.change(key, warehouse.OperationUpsert)
	return true
}
