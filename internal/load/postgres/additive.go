package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"convsync/internal/warehouse"
)

// This file writes the rows of an additive part, see [warehouse.Table]. A stored
// row is never written again, because others change it while a run has the
// conversation in memory: see [load.RecordingClaim]. What is stored is therefore
// read in the transaction that adds rows, when the run has locked the key of the
// conversation.

// shift moves all rows of a conversation, known to the run or not, to another
// start.
type shift struct {
	project, id string
	from, to    warehouse.Timestamp
	known       int64 // number of rows that the run knows of
}

func (p *part) isAdditive() bool { return p.of != nil && p.of.AddsOnly() }

// replaces reports whether rows of the conversation may be stored.
func (wr *write) replaces() bool { return wr.old != nil || wr.before != nil }

// add adds the rows of one conversation that are not known to be stored, and moves
// the stored ones if its start has moved.
func (c *changes) add(wr *write) {
	known := map[string]bool{}
	s := shift{project: wr.rows.Conversation.ProjectID, id: wr.rows.Conversation.ConversationID, to: wr.rows.Conversation.StartedAt}
	if wr.before == nil {
		s.from = wr.old.StartedAt
	} else {
		s.from, s.known = wr.before.Conversation.StartedAt, int64(c.part.member.Len(wr.before))
		for i := range c.part.member.Len(wr.before) {
			known[c.keyText(c.part.member.Row(wr.before, i))] = true
		}
	}
	for i := range c.part.member.Len(wr.rows) {
		if row := c.part.member.Row(wr.rows, i); !known[c.keyText(row)] {
			c.unsure = append(c.unsure, row)
		}
	}
	if s.from != s.to {
		c.shifted = append(c.shifted, s)
	}
}

// keyText returns a row's key, encoded.
func (c *changes) keyText(row any) string {
	c.is = c.appendFields(c.is[:0], row, c.part.key)
	return string(c.is)
}

// settleUnsure adds to the new rows those that may be stored and are not.
func (c *changes) settleUnsure(ctx context.Context, tx pgx.Tx, project string) error {
	if len(c.unsure) == 0 {
		return nil
	}
	var ids []string
	var starts []time.Time
	for _, row := range c.unsure {
		id, start := c.part.of.Owner(row)
		if !slices.Contains(ids, id) {
			ids, starts = append(ids, id), append(starts, start.Time())
		}
	}
	stored := map[string]bool{}
	err := selectFrom(ctx, tx, c.part.copier, partOf(c.part.Name), func(row any) { stored[c.keyText(row)] = true }, project, ids, starts)
	for _, row := range c.unsure {
		if !stored[c.keyText(row)] {
			c.fresh = append(c.fresh, row)
		}
	}
	return err
}

// rewritten are the partitioned tables whose rows are deleted with those of a
// conversation that is written again: all except the additive ones.
var rewritten = slices.DeleteFunc(slices.Clone(partitioned), func(table string) bool {
	return slices.ContainsFunc(tables, func(p *part) bool { return p.Name == table && p.isAdditive() })
})
