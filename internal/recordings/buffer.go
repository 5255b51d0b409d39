package recordings

import (
	"context"
	"errors"
	"sync"
	"time"

	"convsync/internal/load"
	"convsync/internal/ratelimit"
	"convsync/internal/recordings/store"
)

const (
	flushResults = 1000 // results are recorded when there are so many,
	flushEvery   = 10 * time.Second
	lastAttempts = 6 // to record the last results, at intervals of flushEvery
)

// buffer collects results, and records them in batches. Copies are made durable
// before their results. It is safe for concurrent use.
type buffer struct {
	claim load.RecordingClaim
	state *state
	// folder has the copies; nil: none.
	folder *store.Folder
	// remove removes copies of recordings that must not be stored.
	remove func(uris []string)
	// storeFailed is called if copies could not be made durable.
	storeFailed func(error)

	flushing chan struct{} // held during a flush
	broken   bool          // copies could not be made durable; guarded by flushing

	mu      sync.Mutex
	pending []load.RecordingResult
}

func newBuffer(claim load.RecordingClaim, s *state) *buffer {
	return &buffer{claim: claim, state: s, flushing: make(chan struct{}, 1)}
}

// add adds results. If there are enough, it records them, and waits while the
// destination refuses every writer.
func (b *buffer) add(ctx context.Context, results ...load.RecordingResult) error {
	b.mu.Lock()
	b.pending = append(b.pending, results...)
	full := len(b.pending) >= flushResults
	b.mu.Unlock()
	if !full {
		return nil
	}
	for {
		err := b.flush(ctx)
		if !isLocked(err) {
			return err
		}
		if err := ratelimit.Sleep(ctx, flushEvery); err != nil {
			return err
		}
	}
}

// flushRegularly records results at intervals, until ctx ends.
func (b *buffer) flushRegularly(ctx context.Context) error {
	for ratelimit.Sleep(ctx, flushEvery) == nil {
		if err := b.flush(ctx); err != nil && !isLocked(err) {
			if ctx.Err() != nil {
				return nil // finish repeats it
			}
			return err
		}
	}
	return nil
}

// finish records the last results, also after ctx was canceled.
func (b *buffer) finish(ctx context.Context) error {
	for attempt := 1; ; attempt++ {
		err := b.flush(context.WithoutCancel(ctx))
		if !isLocked(err) || attempt == lastAttempts {
			return err
		}
		if ratelimit.Sleep(ctx, flushEvery) != nil {
			return err
		}
	}
}

// flush records what is pending. If it fails, that remains pending.
func (b *buffer) flush(ctx context.Context) error {
	select {
	case b.flushing <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-b.flushing }()
	for {
		batch := b.take()
		written, changed := b.state.changes()
		if len(batch) == 0 && written == nil {
			return nil
		}
		b.makeDurable(batch)
		gone, err := b.claim.Record(ctx, batch, written)
		if err != nil {
			b.putBack(batch)
			return err
		}
		b.state.recorded(changed)
		b.discard(batch, gone)
	}
}

// take removes the next batch from the pending results. Several results of one
// recording, such as one with the evidence only, become one.
func (b *buffer) take() []load.RecordingResult {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(len(b.pending), flushResults)
	var batch []load.RecordingResult
	at := make(map[load.RecordingKey]int, n)
	for i := range b.pending[:n] {
		r := &b.pending[i]
		key := load.RecordingKeyOf(&r.AudioReference)
		if earlier, known := at[key]; known {
			batch[earlier].AudioReference = load.MergeRecording(batch[earlier].AudioReference, r)
			continue
		}
		at[key] = len(batch)
		batch = append(batch, *r)
	}
	b.pending = b.pending[n:]
	return batch
}

func (b *buffer) putBack(batch []load.RecordingResult) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pending = append(batch, b.pending...)
}

// makeDurable makes the copies of a batch durable. If that fails, the results no
// longer say that there is a copy.
func (b *buffer) makeDurable(batch []load.RecordingResult) {
	copies := false
	for i := range batch {
		copies = copies || batch[i].StoredAt.Valid
	}
	if !copies || b.folder == nil {
		return
	}
	if !b.broken {
		err := b.folder.Sync()
		if err == nil {
			return
		}
		// Another attempt could succeed without writing what the first one lost.
		b.broken = true
		b.storeFailed(err)
	}
	for i := range batch {
		forgetCopy(&batch[i])
	}
}

// discard removes copies of conversations that are no longer stored.
func (b *buffer) discard(batch []load.RecordingResult, gone []load.RecordingKey) {
	if len(gone) == 0 {
		return
	}
	isGone := make(map[load.RecordingKey]bool, len(gone))
	for _, k := range gone {
		isGone[k] = true
	}
	var uris []string
	for i := range batch {
		if a := &batch[i].AudioReference; isGone[load.RecordingKeyOf(a)] && a.StoredURI != "" {
			uris = append(uris, string(a.StoredURI))
		}
	}
	b.remove(uris)
}

// isLocked reports whether something excludes every writer of the destination now.
func isLocked(err error) bool {
	var locked *load.LockedError
	return errors.As(err, &locked)
}
