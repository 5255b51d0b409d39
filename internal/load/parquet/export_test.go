package parquet

import (
	"os"
	"sync"
	"time"
)

// WithoutFlock simulates a file system that does not enforce flock.
func WithoutFlock(l *Lake) { l.tryLock = func(*os.File, bool) (bool, error) { return true, nil } }

// CommitWait sets the timeout for the lock of commits.
func CommitWait(l *Lake, timeout time.Duration) { l.commitWait = timeout }

// Killable returns a function that frees all locks of the lake, as the end of
// its process does.
func Killable(l *Lake) (kill func()) {
	var mu sync.Mutex
	var files []*os.File
	take := l.tryLock
	l.tryLock = func(f *os.File, shared bool) (bool, error) {
		ok, err := take(f, shared)
		mu.Lock()
		defer mu.Unlock()
		if ok {
			files = append(files, f)
		}
		return ok, err
	}
	return func() {
		mu.Lock()
		defer mu.Unlock()
		for _, f := range files {
			_ = f.Close() // most are closed already
		}
	}
}

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
