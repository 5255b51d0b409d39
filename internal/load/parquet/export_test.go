package parquet

import "os"

// WithoutFlock makes the lake one on a file system that does not enforce flock.
func WithoutFlock(l *Lake) { l.tryLock = func(*os.File) (bool, error) { return true, nil } }

// OnOpen has the lake report each file and folder that it opens for reading.
func OnOpen(l *Lake, opened func(path string)) { l.opened = opened }

// LoggedEvents is how many events the lake holds in memory as logged.
func LoggedEvents(l *Lake) (n int) {
	l.logged.mu.Lock()
	defer l.logged.mu.Unlock()
	for _, day := range l.logged.days {
		n += len(day.ids)
	}
	return n
}
