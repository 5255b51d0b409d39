package recordings

import (
	"errors"
	"log/slog"
	"sync"

	"convsync/internal/recordings/store"
)

// stores opens the store when it is needed, and remembers that it failed. It is safe
// for concurrent use.
type stores struct {
	open func() (*store.Store, error)
	log  *slog.Logger

	mu     sync.Mutex
	store  *store.Store
	opened bool
	failed error
}

// get returns the store, or nil if there is none or it has failed.
func (s *stores) get() *store.Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.opened && s.open != nil {
		s.opened = true
		opened, err := s.open()
		s.store = opened
		s.failLocked(err)
	}
	if s.failed != nil {
		return nil
	}
	return s.store
}

// fail records that the store does not work. Nothing more is stored in this run.
func (s *stores) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failLocked(err)
}

func (s *stores) failLocked(err error) {
	if err == nil || s.failed != nil {
		return
	}
	s.failed = err
	attributes := []any{"error", err.Error()}
	if unavailable := (*store.UnavailableError)(nil); errors.As(err, &unavailable) {
		attributes = append(attributes, "path", unavailable.Path, "free_bytes", unavailable.FreeBytes)
	}
	s.log.Warn("the store of recordings is unavailable: recordings are checked and not stored; the next run tries again", attributes...)
}

// err returns why the store is unavailable; nil if it is not.
func (s *stores) err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}
