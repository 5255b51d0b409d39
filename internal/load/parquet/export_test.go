package parquet

import (
	"os"
	"sync"
	"time"
)

// WithoutFlock simulates a file system that does not enforce flock.
func WithoutFlock(l *Lake) { l.files = withoutFlock{l.files} }

type withoutFlock struct{ fileSystem }

func (withoutFlock) TryLock(file, bool) (bool, error) { return true, nil }

// CommitWait sets the timeout for the lock of commits.
func CommitWait(l *Lake, timeout time.Duration) { l.commitWait = timeout }

// FoldAt sets the number of results that a claim merges itself.
func FoldAt(l *Lake, n int) { l.foldAt = n }

// StageLimit sets the memory for staged conversations, in bytes.
func StageLimit(l *Lake, limit int64) { l.staged.limit = limit }

// StagedBytes returns the memory that staged conversations take.
func StagedBytes(l *Lake) int64 { return l.staged.used.Load() }

// Daily gives each day a partition of its own.
func Daily(l *Lake) {
	l.sizes = sizes{
		thin:   -1,
		dense:  0,
		hot:    0,
		enough: 0,
		target: -1,
	}
}

// SmallSizes makes partitions divide and merge at few conversations.
func SmallSizes(l *Lake) {
	l.sizes = sizes{
		thin:   3 << 10,
		dense:  24 << 10,
		hot:    26 << 10,
		enough: 100 << 10,
		target: 100 << 10,
	}
}

// WithoutExchange simulates a file system that cannot exchange folders.
func WithoutExchange(l *Lake) { l.files = withoutExchange{l.files} }

type withoutExchange struct{ fileSystem }

func (withoutExchange) Exchange(string, string) error { return errNoExchange }

// Killable returns a function that frees all locks of the lake, as the end of
// its process does.
func Killable(l *Lake) (kill func()) {
	k := &killable{fileSystem: l.files}
	l.files = k
	return k.kill
}

type killable struct {
	fileSystem
	mu    sync.Mutex
	files []file // locked
}

func (k *killable) TryLock(f file, shared bool) (bool, error) {
	ok, err := k.fileSystem.TryLock(f, shared)
	k.mu.Lock()
	defer k.mu.Unlock()
	if ok {
		k.files = append(k.files, f)
	}
	return ok, err
}

func (k *killable) kill() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, f := range k.files {
		_ = f.Close() // most are closed already
	}
}

// OnOpen makes the lake report each file and folder that it opens for reading.
func OnOpen(l *Lake, opened func(path string)) { l.files = watched{l.files, opened} }

type watched struct {
	fileSystem
	opened func(path string)
}

func (w watched) Open(path string) (file, error) {
	w.opened(path)
	return w.fileSystem.Open(path)
}

func (w watched) ReadDir(path string) ([]os.DirEntry, error) {
	w.opened(path)
	return w.fileSystem.ReadDir(path)
}

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
