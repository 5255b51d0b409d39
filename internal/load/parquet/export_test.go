package parquet

import "os"

// WithoutFlock simulates a file system that does not enforce flock.
func WithoutFlock(l *Lake) { l.tryLock = func(*os.File) (bool, error) { return true, nil } }

// OnOpen makes the lake report each file and folder that it opens for reading.
func OnOpen(l *Lake, opened func(path string)) { l.opened = opened }

// LoggedEvents returns the number of logged events that the lake holds in
// memory.
func LoggedEvents(l *Lake) (n int) {
	l.logged.mu.Lock()
	defer l.logged.mu.Unlock()
	for _, day := range l.logged.days {
		n += len(day.ids)
	}
	return n
}
