package webhook

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"

	"convsync/internal/warehouse"
)

// replays remembers the event id of each signed content (time and body). The id is
// not signed: an attacker who recorded a delivery could send it again with other
// ids, until its time is outside the window.
type replays struct {
	recent func(ctx context.Context, since warehouse.Timestamp) ([]warehouse.WebhookEvent, error)

	mu     sync.Mutex
	seen   map[[sha256.Size]byte]accepted // nil: what was stored before this process is not loaded yet
	pruned time.Time
}

type accepted struct {
	id string
	at time.Time
}

// signedContent identifies what a signature covers, in whichever form the
// destination returns the body.
func signedContent(sentAt warehouse.Timestamp, body warehouse.JSON) [sha256.Size]byte {
	return sha256.Sum256(body.AppendValue(fmt.Appendf(nil, "%d.", sentAt)))
}

// admit reports whether the content of an event is new, or came with the same
// id before. body is that of the event without rules: different bodies may be equal
// as they are stored. The first call loads what was stored before a restart.
func (r *replays) admit(ctx context.Context, e *warehouse.WebhookEvent, body warehouse.JSON, now time.Time) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.load(ctx, now); err != nil {
		return false, err
	}
	r.prune(now)
	key := signedContent(e.SentAt, body)
	for _, k := range [...][sha256.Size]byte{key, signedContent(e.SentAt, e.Payload)} {
		if before, known := r.seen[k]; known && before.id != e.EventID {
			return false, nil
		}
	}
	r.seen[key] = accepted{e.EventID, now}
	return true, nil
}

func (r *replays) load(ctx context.Context, now time.Time) error {
	if r.seen != nil {
		return nil
	}
	stored, err := r.recent(ctx, warehouse.TimestampOf(now.Add(-2*window)))
	if err != nil {
		return err
	}
	r.seen = make(map[[sha256.Size]byte]accepted, len(stored))
	for i := range stored {
		r.seen[signedContent(stored[i].SentAt, stored[i].Payload)] = accepted{stored[i].EventID, now}
	}
	return nil
}

func (r *replays) prune(now time.Time) {
	if now.Sub(r.pruned) <= window {
		return
	}
	for key, before := range r.seen {
		if now.Sub(before.at) > 2*window {
			delete(r.seen, key)
		}
	}
	r.pruned = now
}
