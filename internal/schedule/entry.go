package schedule

import (
	"context"
	"errors"
	"sync"
	"time"
)

// An entry is the state of an [Entry].
type entry struct {
	name      string
	timetable Timetable
	jitter    time.Duration
	do        func(ctx context.Context) error

	mu   sync.Mutex
	last time.Time // the last scheduled time that was handled
	busy bool
}

func newEntry(given Entry) (*entry, error) {
	location := given.Location
	if location == nil {
		location = time.UTC
	}
	timetable, err := Parse(given.Cron, location)
	switch {
	case given.Name == "":
		return nil, errors.New("it has no name")
	case err != nil:
		return nil, err
	case given.Jitter < 0:
		return nil, errors.New("its jitter is negative")
	case given.Run == nil:
		return nil, errors.New("it has no function to run")
	}
	return &entry{name: given.Name, timetable: timetable, jitter: given.Jitter, do: given.Run}, nil
}

// Logged marks an error that Run has already logged, so that it is not logged
// again.
func Logged(err error) error {
	if err == nil {
		return nil
	}
	return &loggedError{err}
}

type loggedError struct{ err error }

func (e *loggedError) Error() string { return e.err.Error() }
func (e *loggedError) Unwrap() error { return e.err }

// begin marks the entry as busy, unless it already is.
func (e *entry) begin() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.busy {
		return false
	}
	e.busy = true
	return true
}

func (e *entry) end() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.busy = false
}

func (e *entry) isRunning() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.busy
}

func (e *entry) lastTime() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.last
}

func (e *entry) setLast(due time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last = due
}
