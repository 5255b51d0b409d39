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
	overlaps  bool

	mu      sync.Mutex
	last    time.Time // the last scheduled time that was handled
	running int       // runs in progress
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
	return &entry{
		name:      given.Name,
		timetable: timetable,
		jitter:    given.Jitter,
		do:        given.Run,
		overlaps:  given.Overlaps,
	}, nil
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

// begin counts a run. It returns false if the last one is in progress and must not
// overlap.
func (e *entry) begin() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running > 0 && !e.overlaps {
		return false
	}
	e.running++
	return true
}

func (e *entry) end() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.running--
}

func (e *entry) isRunning() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.running > 0
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
