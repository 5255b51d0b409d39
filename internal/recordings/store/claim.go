package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
)

// Folder is the part of a store with the recordings of a project, claimed for
// writing. Its methods may be called concurrently, with different names.
type Folder struct {
	store   *Store
	project string
	path    string // of the recordings
	tmp     string // of files that are being written
	lock    *os.File
	count   atomic.Int64 // of temporary files

	syncing sync.Mutex // held during Sync
	mu      sync.Mutex
	touched map[string]bool // folders whose entries changed since the last Sync
}

// Claim claims the recordings of a project for this process, by a lock on a file
// that the system frees when the process ends. It removes what a killed process
// left half-written. If another process, or another claim of this process, has
// them, the error is a [*ClaimedError] at once.
func (s *Store) Claim(project string) (*Folder, error) {
	name := safeName(project)
	lock, err := s.disk.openLock(s.own(lockFolder, name))
	if err != nil {
		return nil, err
	}
	free, err := tryLock(lock)
	if err == nil && !free {
		err = &ClaimedError{Project: project, Path: s.disk.root, Holder: holder(lock)}
	} else if err != nil {
		err = s.disk.failed(err)
	}
	f := &Folder{
		store:   s,
		project: project,
		path:    filepath.Join(s.disk.root, name),
		tmp:     s.own(temporaryFolder, name),
		lock:    lock,
		touched: map[string]bool{},
	}
	if err == nil {
		sign(lock)
		err = s.disk.removeAll(f.tmp)
	}
	if err == nil {
		err = s.disk.mkdir(f.tmp)
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return f, nil
}

// Close gives up the claim. Calls of other methods must have ended.
func (f *Folder) Close() error { return f.store.disk.failed(f.lock.Close()) }

// sign writes who has the claim into its lock file. It is only for error messages, so
// its own errors do not matter.
func sign(lock *os.File) {
	host, err := os.Hostname()
	if err != nil {
		host = "an unknown host"
	}
	text := fmt.Sprintf("process %d on %s\n", os.Getpid(), host)
	if _, err := lock.WriteAt([]byte(text), 0); err == nil {
		_ = lock.Truncate(int64(len(text)))
	}
}

// holder reads what sign has written.
func holder(lock *os.File) string {
	text, err := io.ReadAll(io.LimitReader(lock, 512))
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}

// touch remembers that the entries of a folder changed. It includes the folders
// above, which a process that was killed may have created without a sync.
func (f *Folder) touch(folder string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for root := f.store.disk.root; !f.touched[folder]; folder = filepath.Dir(folder) {
		f.touched[folder] = true
		if len(folder) <= len(root) {
			return
		}
	}
}

// Sync makes all files durable that Write and Adopt returned, and all that Remove and
// Quarantine removed, before the call. Record results only after it succeeded: if it
// fails, drop the results since the last Sync. Their recordings are adopted next time.
func (f *Folder) Sync() error {
	f.syncing.Lock()
	defer f.syncing.Unlock()
	f.mu.Lock()
	touched := f.touched
	f.touched = map[string]bool{}
	f.mu.Unlock()
	for folder := range touched {
		if err := f.store.disk.syncFolder(folder); err != nil {
			for folder := range touched {
				f.touch(folder)
			}
			return err
		}
	}
	return nil
}
