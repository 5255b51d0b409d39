package postgres

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// attempts is the maximum number of attempts for a batch that collides with
// another one.
const attempts = 10

// write is a conversation to be written.
type write struct {
	rows *warehouse.Rows
	key  conversationKey
	old  *conversationKey // the key that it replaces; nil: it is new
	lost bool             // no key is stored: old is what the key should be

	before *warehouse.Rows // the stored rows; nil: none

	rewrite bool // also write rows that seem to be unchanged
}

// Stage writes the new and changed conversations of a batch in one transaction.
// If the server refuses a conversation, it writes the others in several
// transactions.
func (w *writer) Stage(ctx context.Context, batch *load.Batch) error {
	staged := len(batch.Rows)
	rows, others := load.NewestRows(batch.Rows, batch)
	slices.SortFunc(rows, func(a, b *warehouse.Rows) int { // all transactions take locks in this order
		return cmp.Compare(a.Conversation.ConversationID, b.Conversation.ConversationID)
	})
	// A conversation that was refused before is likely to be refused again.
	// Separated, it does not split the others.
	suspects, rows := w.rejected.apart(batch.Feed, rows)
	w.count(batch.Window, load.Counts{Unchanged: int64(staged - len(rows) - len(suspects)), OtherStarts: others})
	for _, part := range [][]*warehouse.Rows{rows, suspects} {
		if err := w.isolate(ctx, batch, part); err != nil {
			return w.describe(err)
		}
	}
	return nil
}

// isolate writes and counts conversations. If the server refuses one, it writes
// each half separately, down to the refused conversation.
func (w *writer) isolate(ctx context.Context, batch *load.Batch, rows []*warehouse.Rows) error {
	if len(rows) == 0 {
		return nil
	}
	counts, err := w.again(ctx, func() (load.Counts, error) { return w.stage(ctx, batch, rows) })
	if err == nil {
		w.count(batch.Window, counts)
		return nil
	}
	var refused *refusal
	if batch.Refuse == nil || !errors.As(err, &refused) {
		return err
	}
	half := len(rows) / 2
	if half == 0 {
		batch.Refuse(rows[0], refused.Error())
		return nil
	}
	if err := w.isolate(ctx, batch, rows[:half]); err != nil {
		return err
	}
	return w.isolate(ctx, batch, rows[half:])
}

// again repeats work that collided with another transaction, or whose partition
// no longer exists.
func (w *writer) again(ctx context.Context, work func() (load.Counts, error)) (counts load.Counts, err error) {
	for range attempts {
		counts, err = work()
		if noPartition(err) {
			if err := w.months.reread(ctx, w.pool); err != nil {
				return counts, err
			}
			continue
		}
		if !collided(err) {
			break
		}
	}
	if errors.Is(err, errRowGone) { // another transaction would not do this each time
		err = skipped("")
	}
	return counts, err
}

// collided reports whether a transaction failed only because of a concurrent
// one. It is then repeated, starting with the comparison of hashes.
func collided(err error) bool {
	return violated(err, "conversation_keys_pkey") || errors.Is(err, errRowGone) || hasCode(err, codeDeadlock, codeSerialization)
}

func (w *writer) stage(ctx context.Context, batch *load.Batch, rows []*warehouse.Rows) (load.Counts, error) {
	at := w.now()
	var reveals load.VisibilityChanges
	counts := load.Counts{}
	writes, unchanged, err := w.compare(ctx, batch, rows, at, &reveals, &counts)
	if err != nil {
		return load.Counts{}, err
	}
	resolved := w.rejected.among(batch.Feed, rows)
	if len(writes)+len(unchanged)+len(resolved) == 0 {
		return counts, nil
	}
	counts.VisibleAgain, err = reveals.Count(w.daysShow(ctx, batch.Feed, someTranscript), w.daysShow(ctx, batch.Feed, someMetrics))
	if err != nil {
		return counts, err
	}
	if err := w.makeMonths(ctx, writes); err != nil {
		return counts, err
	}
	if err := w.makeStale(ctx, batch.Feed.ProjectID, writes); err != nil {
		return counts, err
	}
	counts.Rows, err = w.write(ctx, batch.Feed, writes, unchanged, &counts, resolved)
	return counts, err
}

// compare returns the conversations that have to be written, and the unchanged ones
// whose digest has to be stored, and counts all of them. [load.Batch.Decide] uses the
// stored keys, [load.Batch.Merge] the stored rows of the remaining ones.
func (w *writer) compare(
	ctx context.Context, batch *load.Batch, rows []*warehouse.Rows, at warehouse.Timestamp, reveals *load.VisibilityChanges, counts *load.Counts,
) (writes, unchanged []*write, err error) {
	project := batch.Feed.ProjectID
	stored, err := w.storedKeys(ctx, project, rows)
	if err != nil {
		return nil, nil, err
	}
	keep := func(wr *write, d *load.Decision) {
		if !d.KeepsDigest() && wr.old != nil && wr.rows.Digest != wr.old.Digest {
			unchanged = append(unchanged, wr)
		}
	}
	var changed []conversationKey
	for _, in := range rows {
		c := &in.Conversation
		key, known := stored[c.ConversationID]
		if !known && batch.Rewrite { // its rows may be stored without its key
			key, known = storedKey{conversationKey: keyOf(c), lost: true}, true
		}
		if !known {
			writes = append(writes, &write{rows: in, rewrite: batch.Rewrite})
			continue
		}
		decision := batch.Decide(w.environments[project], c, key.known())
		decision.Count(counts)
		wr := &write{rows: in, old: &key.conversationKey, lost: key.lost, rewrite: batch.Rewrite}
		if decision.Action != load.Merge {
			keep(wr, &decision)
			continue
		}
		changed, writes = append(changed, key.conversationKey), append(writes, wr)
	}
	before, err := w.storedRows(ctx, project, changed)
	if err != nil {
		return nil, nil, err
	}
	writes = slices.DeleteFunc(writes, func(wr *write) bool {
		if wr.old != nil {
			wr.before = before[wr.old.ConversationID]
		}
		in := *wr.rows // a copy: a repeated batch starts from the staged rows
		decision := batch.Merge(&in, wr.before, at, w.owner.RunID)
		decision.Count(counts)
		reveals.Add(&decision)
		wr.rows, wr.key = &in, keyOf(&in.Conversation)
		wr.key.Digest = in.Digest
		if decision.Writes() {
			return false
		}
		keep(wr, &decision)
		return true
	})
	return writes, unchanged, nil
}

func (w *writer) count(id load.WindowID, c load.Counts) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.counts[id] == nil {
		w.counts[id] = &load.Counts{}
	}
	w.counts[id].Add(c)
}

// otherStarts returns the other starts of a window that were counted so far.
func (w *writer) otherStarts(id load.WindowID) []load.OtherStart {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c := w.counts[id]; c != nil {
		return c.OtherStarts
	}
	return nil
}

// counted removes and returns the counts of a window.
func (w *writer) counted(id load.WindowID) load.Counts {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.counts[id]
	delete(w.counts, id)
	if c == nil {
		return load.Counts{}
	}
	return *c
}
