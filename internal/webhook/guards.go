package webhook

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"
)

// secrets keeps the signing secrets for a while: a command that prints one is
// not run for each delivery, and a new one is known soon.
type secrets struct {
	get func(ctx context.Context) ([]string, error)

	mu   sync.Mutex
	held []string
	at   time.Time
}

const (
	secretsKept  = 10 * time.Second // are used without asking
	secretsAtAll = time.Second      // are not asked for again though none fits
)

// any reports whether the secrets pass a test; where those that are held do not,
// they are asked for anew.
func (s *secrets) any(ctx context.Context, pass func([]string) bool) (bool, error) {
	held, err := s.since(ctx, secretsKept)
	if err != nil || pass(held) {
		return err == nil, err
	}
	if held, err = s.since(ctx, secretsAtAll); err != nil {
		return false, err
	}
	return pass(held), nil
}

// since is the secrets, no older than that.
func (s *secrets) since(ctx context.Context, age time.Duration) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.held) > 0 && time.Since(s.at) < age {
		return s.held, nil
	}
	held, err := s.get(ctx)
	if err != nil {
		return nil, err
	}
	s.held, s.at = held, time.Now()
	return held, nil
}

// replays remembers which signatures came with which event id. The id is not
// signed: whoever has seen a delivery could send it again under others. Behind
// the window its time is refused anyway.
type replays struct {
	mu   sync.Mutex
	seen map[[sha256.Size]byte]sighting
	tidy time.Time // when old ones were last forgotten
}

type sighting struct {
	id string
	at time.Time
}

// admit reports whether a signature is new, or came with the same id before.
func (r *replays) admit(signature, id string, now time.Time) bool {
	key := sha256.Sum256([]byte(signature))
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen == nil {
		r.seen = map[[sha256.Size]byte]sighting{}
	}
	if now.Sub(r.tidy) > window {
		for k, s := range r.seen {
			if now.Sub(s.at) > 2*window {
				delete(r.seen, k)
			}
		}
		r.tidy = now
	}
	if s, seen := r.seen[key]; seen && s.id != id {
		return false
	}
	r.seen[key] = sighting{id, now}
	return true
}
