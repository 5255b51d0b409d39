package store

import (
	"context"
	"io"

	"convsync/internal/wav"
)

// Folder is the part of a store with the recordings of a project, claimed for
// writing. Its methods may be called concurrently, with different names.
type Folder struct{}

// Source is the body of a recording.
type Source struct {
	Body io.Reader
	Size int64 // Content-Length; -1: unknown
	// Twin is the stored copy of the same conversation and direction with the other
	// redaction, if there is one. If the body has the same bytes, no second file is
	// written, and Write returns the URI of the twin. Only URI, SHA256 and Bytes count.
	Twin *Copy
	// AcceptIncomplete also stores a body that ends before the samples that its header
	// declares, provided that it has all bytes of Size.
	AcceptIncomplete bool
}

// Copy is a stored recording.
type Copy struct {
	URI    string // relative to the store, with slashes: a value of stored_uri
	SHA256 string // hex, lower case
	Bytes  int64
	// Header is the header of the file. If its format comes after [wav.HeadBytes], the
	// codec is "", and channels and rate are 0.
	Header wav.Header
	// Existed says that no file was written: a complete one with the same bytes existed
	// under this name, or it is the twin.
	Existed bool
	// IsTwin says that it is the file of the twin.
	IsTwin bool
}

// Write stores a recording under its name. The file is durable after [Folder.Sync].
// Memory use is a fixed 256 KiB for each call. A different file under the same name
// is moved to the quarantine.
//
// Nothing is stored if it returns an error:
//   - a [*BodyError]: the body is not a (complete) recording
//   - an [*UnavailableError]: the store failed, not the source
//   - an error that wraps that of Body, or of ctx
func (f *Folder) Write(ctx context.Context, name Name, from Source) (Copy, error) {
	return Copy{}, nil
}

// Adopt returns the file that is stored under a name, so that it needs no download
// after a kill. It reads and hashes the file, and checks it as Write does. It returns
// false if there is no such file, it is not a complete recording, or its size
// differs from size (-1: unknown). The file is durable after [Folder.Sync].
func (f *Folder) Adopt(ctx context.Context, name Name, size int64) (Copy, bool, error) {
	return Copy{}, false, nil
}

// Sync makes all files durable that Write and Adopt returned, and all that Remove and
// Quarantine removed, before the call. Record results only after it succeeded: if it
// fails, drop the results since the last Sync. Their recordings are adopted next time.
func (f *Folder) Sync() error { return nil }

// Remove removes a file of this project. A file that does not exist is no error.
func (f *Folder) Remove(uri string) error { return nil }

// Quarantine moves a file of this project, or a file that does not belong there, to
// .convsync/quarantine, and returns its new path relative to the store.
func (f *Folder) Quarantine(uri string) (string, error) { return "", nil }

// Close gives up the claim. Writes must have ended.
func (f *Folder) Close() error { return nil }
