package postgres

import (
	"cmp"
	"context"
	"slices"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// attempts bounds how often a batch is tried again that ran into another one.
const attempts = 10

// write is a conversation that is to be written.
type write struct {
	rows *warehouse.Rows
	key  conversationKey
	old  *conversationKey // what it replaces; nil: it is new
}

// Stage writes what is new or changed of a batch, in one transaction.
func (w *writer) Stage(ctx context.Context, batch *load.Batch) error {
	rows := load.Newest(batch.Rows)
	slices.SortFunc(rows, func(a, b *warehouse.Rows) int { // locks are taken in one order
		return cmp.Compare(a.Conversation.ConversationID, b.Conversation.ConversationID)
	})
	for attempt := 1; ; attempt++ {
		counts, err := w.stage(ctx, batch.Feed, rows)
		if err == nil {
			w.count(batch.Stretch, counts)
			return nil
		}
		if attempt == attempts || !collided(err) {
			return w.describe(err)
		}
	}
}

// collided reports whether a transaction failed only because another one was
// there at the same time: it is repeated from the hashes on.
func collided(err error) bool {
	return violated(err, "conversation_keys_pkey") || hasCode(err, codeDeadlock, codeSerialization)
}

func (w *writer) stage(ctx context.Context, feed load.Feed, rows []*warehouse.Rows) (load.Counts, error) {
	writes, err := w.compare(ctx, feed, rows)
	if err != nil {
		return load.Counts{}, err
	}
	counts := load.Counts{Unchanged: int64(len(rows) - len(writes))}
	if len(writes) == 0 {
		return counts, nil
	}
	if err := w.makeMonths(ctx, writes); err != nil {
		return counts, err
	}
	for _, wr := range writes {
		if wr.old == nil {
			counts.Inserted++
		} else {
			counts.Updated++
		}
	}
	counts.Rows, err = w.write(ctx, feed.ProjectID, writes)
	return counts, err
}

// compare tells which conversations have to be written, and as what.
func (w *writer) compare(ctx context.Context, feed load.Feed, rows []*warehouse.Rows) ([]*write, error) {
	stored, err := w.storedKeys(ctx, feed.ProjectID, rows)
	if err != nil {
		return nil, err
	}
	var writes []*write
	var changed []conversationKey
	for _, in := range rows {
		c := &in.Conversation
		key, known := stored[c.ConversationID]
		switch {
		case !known:
			writes = append(writes, &write{rows: in})
		case key.erased || key.shows(c) || !load.Outranks(w.environments[feed.ProjectID], feed.Environment, key.Environment):
		default:
			changed = append(changed, key.conversationKey)
			writes = append(writes, &write{rows: in, old: &key.conversationKey})
		}
	}
	before, err := w.storedRows(ctx, feed.ProjectID, changed)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(writes, func(wr *write) bool { return !w.reconcile(wr, before) }), nil
}

// reconcile settles what is written, and reports whether anything is. It works
// on a copy: a batch that is repeated starts from what was staged.
func (w *writer) reconcile(wr *write, before map[string]*warehouse.Rows) bool {
	in := *wr.rows
	wr.rows = &in
	var old *warehouse.Rows
	if wr.old != nil {
		old = before[wr.old.ConversationID]
	}
	changes := load.Reconcile(&in, old, w.now(), w.owner.RunID)
	if old != nil { // what is replaced is what was read
		key := keyOf(&old.Conversation)
		wr.old = &key
	}
	wr.key = keyOf(&in.Conversation)
	return changes
}

func (w *writer) count(stretch load.StretchID, c load.Counts) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.counts[stretch] == nil {
		w.counts[stretch] = &load.Counts{}
	}
	w.counts[stretch].Add(c)
}

// counted returns the counts of a stretch, which is done with.
func (w *writer) counted(stretch load.StretchID) load.Counts {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.counts[stretch]
	delete(w.counts, stretch)
	if c == nil {
		return load.Counts{}
	}
	return *c
}
