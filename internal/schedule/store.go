package schedule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"sync"
	"time"

	"convsync/internal/atomicfile"
)

// A Store records the last scheduled time of each entry across restarts.
type Store interface {
	// Last returns the last recorded time, or the zero time.
	Last(ctx context.Context, entry string) (time.Time, error)
	// Note records a scheduled time. It is called before the run, so that a crash
	// does not make it run twice.
	Note(ctx context.Context, entry string, due time.Time) error
}

// A FileStore is a [Store] in a file, for one process at a time.
type FileStore struct {
	path  string
	mu    sync.Mutex
	times map[string]time.Time
}

// OpenFileStore reads the file, which need not exist yet; its folder must.
func OpenFileStore(path string) (*FileStore, error) {
	s := &FileStore{path: path, times: map[string]time.Time{}}
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s, nil
	case err != nil:
		return nil, fmt.Errorf("schedule state file: %w", err)
	}
	if err := json.Unmarshal(data, &s.times); err != nil || s.times == nil {
		return nil, fmt.Errorf("the schedule state file %s is damaged: remove it to start over; missed runs are then not caught up", path)
	}
	return s, nil
}

// Last implements [Store].
func (s *FileStore) Last(_ context.Context, entry string) (time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.times[entry], nil
}

// Note implements [Store]. It replaces the file atomically.
func (s *FileStore) Note(_ context.Context, entry string, due time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	times := maps.Clone(s.times)
	times[entry] = due.UTC()
	data, err := json.MarshalIndent(times, "", "  ")
	if err == nil {
		err = atomicfile.Write(s.path, append(data, '\n'))
	}
	if err != nil {
		return fmt.Errorf("schedule state file: %w", err)
	}
	s.times = times
	return nil
}

// nopStore is used when no Store is configured.
type nopStore struct{}

func (nopStore) Last(context.Context, string) (time.Time, error) { return time.Time{}, nil }
func (nopStore) Note(context.Context, string, time.Time) error   { return nil }
