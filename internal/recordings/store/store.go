package store

import (
	"context"
	"io/fs"
	"os"
)

// Options configures a store.
type Options struct {
	Path string      // folder; it is created if it does not exist
	Mode fs.FileMode // of files; 0: 0600. Folders get the search bit for each class that may read
	// Step is called before each file operation with its name and path. If it returns
	// an error, the operation fails with it. For tests: they inject errors such as
	// syscall.ENOSPC, or kill the process. The operations are mkdir, create, write,
	// sync, close, rename, remove, lstat, open, list and lock.
	Step func(operation, path string) error
}

// Store is a folder with recordings. Its methods may be called concurrently.
type Store struct {
	o Options
}

// Open opens a store, and creates it if the folder has none. The error is an
// [*UnavailableError], or that a newer version wrote the store.
func Open(o Options) (*Store, error) { return &Store{o: o}, nil }

// Path returns the folder of the store.
func (s *Store) Path() string { return s.o.Path }

// Claim claims the recordings of a project for this process, by a lock on a file
// that the system frees when the process ends. It removes what a killed process
// left half-written. If another process, or another claim of this process, has
// them, the error is a [*ClaimedError] at once.
func (s *Store) Claim(project string) (*Folder, error) { return &Folder{}, nil }

// Open opens a stored file for reading. The error matches [fs.ErrNotExist] if it does
// not exist, or the URI is not one of this store.
func (s *Store) Open(uri string) (*os.File, error) { return nil, fs.ErrNotExist }

// Sum reads a stored file and returns its SHA-256 (hex) and size. Errors are those
// of [Store.Open].
func (s *Store) Sum(ctx context.Context, uri string) (sha256 string, bytes int64, err error) {
	return "", 0, fs.ErrNotExist
}

// File is a file below the folder of a project.
type File struct {
	URI   string
	Bytes int64 // -1: not a regular file
}

// Walk calls yield for each file below the folder of a project, by day, including
// files that the store did not write. Files that are removed meanwhile are left out.
// It ends with the first error of yield.
func (s *Store) Walk(ctx context.Context, project string, yield func(File) error) error { return nil }

// Find returns the URIs of all files of the given conversations, by conversation id.
// It lists the whole folder of the project once.
func (s *Store) Find(ctx context.Context, project string, conversations []string) (map[string][]string, error) {
	return nil, nil
}
