package webhook

import (
	"context"
	"sync"
	"time"
)

// secrets caches the signing secrets. Reading them may run a command, so its
// frequency depends on time only: deliveries with a wrong signature cannot
// increase it.
type secrets struct {
	get func(ctx context.Context) ([]string, error)

	mu      sync.Mutex
	held    []string
	at      time.Time // when held was read
	failed  error     // of the last reading; nil: it succeeded
	tried   time.Time // when that reading ended
	reading chan struct{}
}

const (
	secretsFresh = 10 * time.Second // younger ones are used as they are
	secretsStale = time.Minute      // older ones are not used
	secretsRetry = 10 * time.Second // between readings that fail
	// secretsTimeout bounds a reading, which outlives the delivery that began it.
	secretsTimeout = 30 * time.Second
)

// verdict is the result of checking a signature.
type verdict int

const (
	genuine verdict = iota
	forged
	undecided // it fits no cached secret, but a newer secret may have made it
)

// judge tests the cached secrets. Between secretsFresh and secretsStale they are
// used and read again in the background; older ones are read again first. A
// signature is forged only if it fits none of the secrets that were read after
// it was made: a sender does not repeat what is refused permanently.
func (s *secrets) judge(ctx context.Context, fits func([]string) bool) (verdict, error) {
	arrived := time.Now()
	held, at, err := s.current(ctx)
	switch {
	case err != nil:
		return undecided, err
	case fits(held):
		if time.Since(at) >= secretsFresh {
			s.read(ctx)
		}
		return genuine, nil
	case at.Before(arrived):
		return undecided, nil
	}
	return forged, nil
}

// current returns the cached secrets and when they were read. It waits for a read
// only if they are stale.
func (s *secrets) current(ctx context.Context) (held []string, at time.Time, err error) {
	for {
		s.mu.Lock()
		held, at, err = s.held, s.at, s.failed
		justFailed := err != nil && time.Since(s.tried) < secretsRetry
		s.mu.Unlock()
		switch {
		case len(held) > 0 && time.Since(at) < secretsStale:
			return held, at, nil
		case justFailed:
			return nil, at, err
		}
		select {
		case <-s.read(ctx):
		case <-ctx.Done():
			return nil, at, ctx.Err()
		}
	}
}

// read starts to read the secrets, unless a read is in progress. The channel is
// closed when the read ends.
func (s *secrets) read(ctx context.Context) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reading != nil {
		return s.reading
	}
	done := make(chan struct{})
	s.reading = done
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), secretsTimeout)
		defer cancel()
		held, err := s.get(ctx)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.failed, s.tried, s.reading = err, time.Now(), nil
		if err == nil {
			s.held, s.at = held, s.tried
		}
		close(done)
	}()
	return done
}
