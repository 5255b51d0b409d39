package loadtest

import (
	"slices"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// rowsOf returns the rows that were staged for a window, with their batches.
func (w *referenceWriter) rowsOf(st load.WindowID) (rows []*warehouse.Rows, of map[*warehouse.Rows]*load.Batch) {
	of = map[*warehouse.Rows]*load.Batch{}
	for _, batches := range [][]*load.Batch{w.staged[st], w.staged[0]} {
		for _, b := range batches {
			rows = append(rows, b.Rows...)
			for _, r := range b.Rows {
				of[r] = b
			}
		}
	}
	return rows, of
}

// newest keeps one version of each id. A version that was staged as moved replaces
// that with the start it moved from.
func (w *referenceWriter) newest(rows []*warehouse.Rows, of map[*warehouse.Rows]*load.Batch) ([]*warehouse.Rows, []load.OtherStart) {
	left := map[id]load.Place{}
	for _, r := range rows {
		if place, moved := of[r].Moved[r.Conversation.ConversationID]; moved {
			left[id{r.Conversation.ProjectID, r.Conversation.ConversationID}] = place
		}
	}
	var still []*warehouse.Rows
	for _, r := range rows {
		if left[id{r.Conversation.ProjectID, r.Conversation.ConversationID}] != load.PlaceOf(&r.Conversation) {
			still = append(still, r)
		}
	}
	return w.fault.newest(still)
}

// otherStarts adds the other starts of the stored conversations.
func (w *referenceWriter) otherStarts(rows []*warehouse.Rows, of map[*warehouse.Rows]*load.Batch, others []load.OtherStart) []load.OtherStart {
	counts := load.Counts{OtherStarts: others}
	for _, r := range rows {
		c := &r.Conversation
		if stored := w.data.Conversations[id{c.ProjectID, c.ConversationID}]; stored != nil {
			w.replaces(c, &stored.Conversation, of[r], &counts)
		}
	}
	return counts.OtherStarts
}

// replaces reports whether a version may replace the stored one, and counts its
// other start.
func (w *referenceWriter) replaces(in, stored *warehouse.Conversation, b *load.Batch, counts *load.Counts) bool {
	key, environments, rewriting := load.KeyOf(stored), w.environments[in.ProjectID], *b
	if w.fault == movesAll && len(b.Moved) > 0 {
		return true
	}
	rewriting.Rewrite = true // reconcile detects unchanged ones
	decision := rewriting.Decide(environments, in, key)
	replaces := decision.Action != load.Skip
	decision.Action = load.Merge // put counts it
	decision.Count(counts)
	sameFeed := in.Environment == stored.Environment
	switch {
	case w.fault == lastEnvironment && !sameFeed, w.fault == lastStart && sameFeed:
		return true
	case w.fault == missingStays && key.Missing:
		return slices.Index(environments, in.Environment) <= slices.Index(environments, stored.Environment)
	case w.fault == movesNothing && b.Moved[in.ConversationID] == key.Place:
		return false
	}
	return replaces
}
