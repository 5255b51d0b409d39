package pipeline

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/polyai"
	"convsync/internal/transform"
	"convsync/internal/warehouse"
)

// unchanged finds the conversations of a window that the source returns as they are
// stored. They are compared by a digest of their bytes, so they are neither decoded
// nor staged. This is an optimization: whatever is in doubt is decoded, and the
// destination compares its content hash.
//
// The digest contains the id, so a conversation with a stored digest is the one that
// it is stored with. It has ended, and has turns or metrics: see isComparable.
type unchanged struct {
	*digests
	// read lists what is stored in the window; nil: nothing is compared.
	read func(context.Context) ([]load.DigestKey, error)

	reading sync.Once
	failed  error            // of read
	stored  []load.DigestKey // in the order of their starts
	at      map[warehouse.Digest]int32

	found   sync.Mutex
	skipped []bool // by index of stored
	staged  map[stagedVersion]bool
	count   int64 // of skipped ones; one that was returned twice counts twice
}

// stagedVersion identifies a staged version of a conversation, by the hash of its id.
type stagedVersion struct {
	id    uint64
	start warehouse.Timestamp
}

// unchangedIn returns what finds the unchanged conversations of a window. Conversations
// that are written again even if they are unchanged are not compared, and a window
// without coverage has few stored ones.
func (f *feedRun) unchangedIn(st *window) *unchanged {
	u := &unchanged{digests: &f.digests}
	covered := slices.ContainsFunc(f.state.Coverage, func(r load.Range) bool {
		return !st.span.Intersect(spanOf(r.From, r.Until)).Empty()
	})
	if covered && !st.rewrite {
		u.read = func(ctx context.Context) ([]load.DigestKey, error) {
			if err := f.digests.readRejects(ctx, f.run.Destination, f.feed.Feed); err != nil {
				return nil, err
			}
			// The source is asked for one second more on both sides, and may include the end.
			return f.run.Destination.Digests(ctx, f.feed.Feed, timestamp(st.span.From-1), timestamp(st.span.Until+2))
		}
	}
	return u
}

// prepare reads what is stored in a window before its first conversation is compared.
func (f *feedRun) prepare(ctx context.Context, st *window) error {
	err := st.unchanged.prepare(ctx)
	if err == nil || ctx.Err() != nil {
		return cmp.Or(ctx.Err(), err)
	}
	err = &destinationError{err}
	f.run.stages.stop(err)
	return err
}

// prepare reads what is stored, once. It returns before the first conversation is
// compared.
func (u *unchanged) prepare(ctx context.Context) error {
	if u.read == nil {
		return nil
	}
	u.reading.Do(func() {
		if u.stored, u.failed = u.read(ctx); u.failed != nil {
			return
		}
		u.at = make(map[warehouse.Digest]int32, len(u.stored))
		for i := range u.stored {
			if k := &u.stored[i]; k.Digest.IsKnown() && !k.Missing {
				u.at[k.Digest] = int32(i)
			}
		}
		u.skipped, u.staged = make([]bool, len(u.stored)), map[stagedVersion]bool{}
	})
	return u.failed
}

// skips returns the digest of a conversation, and the stored one if it is unchanged.
// The run must treat that as listed.
func (u *unchanged) skips(v polyai.Value) (digest warehouse.Digest, stored *load.DigestKey) {
	digest = u.digester.Digest(v)
	i, known := u.at[digest]
	if !known || u.isRejected(u.stored[i].ID) { // the destination deletes its rejects
		return digest, nil
	}
	u.found.Lock()
	defer u.found.Unlock()
	u.skipped[i] = true
	u.count++
	return digest, &u.stored[i]
}

// noteStaged records that a conversation of the window is staged.
func (u *unchanged) noteStaged(c *warehouse.Conversation) {
	if len(u.at) == 0 {
		return
	}
	u.found.Lock()
	defer u.found.Unlock()
	u.staged[stagedVersion{warehouse.HashID(c.ConversationID), c.StartedAt}] = true
}

// isComparable reports whether a conversation may be skipped if the source returns the
// same bytes again. The lifecycle of one that has not ended depends on the time, and
// only one with a transcript or metrics shows that the source does not hide them.
func isComparable(r *warehouse.Rows) bool {
	return r.Conversation.Lifecycle == warehouse.LifecycleFinal && len(r.Turns)+len(r.Metrics) > 0
}

// twice returns the seconds of the conversations that were skipped although another
// version with the same start was staged, since the source returned both. From then
// on nothing is skipped: which of them is stored depends on their order. Versions with
// different starts are judged by their starts.
func (u *unchanged) twice() (spans []extract.Span) {
	u.found.Lock()
	defer u.found.Unlock()
	if len(u.staged) == 0 {
		return nil
	}
	for i, skipped := range u.skipped {
		if k := &u.stored[i]; skipped && u.staged[stagedVersion{warehouse.HashID(k.ID), k.StartedAt}] {
			spans = append(spans, wholeSecond(k.StartedAt))
		}
	}
	if len(spans) > 0 {
		u.at = nil
	}
	return spans
}

// skippedCount returns how many conversations were skipped.
func (u *unchanged) skippedCount() int64 {
	u.found.Lock()
	defer u.found.Unlock()
	return u.count
}

// keys returns the stored conversations within [from, until); false if they were not
// read.
func (u *unchanged) keys(from, until warehouse.Timestamp) (keys []load.Key, known bool) {
	if u.skipped == nil {
		return nil, false
	}
	for i := range u.stored {
		if k := u.stored[i].Key; from <= k.StartedAt && k.StartedAt < until {
			keys = append(keys, k)
		}
	}
	return keys, true
}

// digests holds the digester and the rejects of a feed, for all of its windows.
type digests struct {
	digester *transform.Digester

	reading sync.Mutex
	isRead  bool // the rejects are in rejected

	mu sync.RWMutex
	// rejected has the conversations with rejects. They are never skipped: the
	// destination deletes the rejects of what it loads or finds unchanged.
	rejected map[string]bool
}

// readRejects reads the stored rejects of the feed, unless they were read. A failure
// is not kept: it may be the cancellation of another window.
func (d *digests) readRejects(ctx context.Context, from load.RejectKeyReader, feed load.Feed) error {
	d.reading.Lock()
	defer d.reading.Unlock()
	if d.isRead {
		return nil
	}
	keys, err := from.RejectKeys(ctx, feed)
	if err != nil {
		return err
	}
	for i := range keys {
		d.addRejected(keys[i].ConversationID)
	}
	d.isRead = true
	return nil
}

// addRejected records that a conversation was rejected.
func (d *digests) addRejected(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rejected = orMake(d.rejected)
	d.rejected[id] = true
}

func (d *digests) isRejected(id string) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.rejected[id]
}
