package store

import "convsync/internal/wav"

// Reasons of a [BodyError]: values of audio_references.reason.
const (
	ReasonHTML  = "html"
	ReasonJSON  = "json"
	ReasonEmpty = "empty"
	ReasonShort = "short_body" // ends before its Content-Length, or within its header
	ReasonLong  = "long_body"  // longer than its Content-Length
	// ReasonNotWAV is any other content.
	ReasonNotWAV = "not_wav"
	// ReasonHeaderLonger is a body with all bytes of its Content-Length whose header
	// declares more samples. See [Source].
	ReasonHeaderLonger = "header_longer_than_body"
)

// BodyError reports that a body is not a recording, or not a complete one. It never
// contains text of the body.
type BodyError struct {
	Reason string // one of the constants above
	Bytes  int64  // how many were read
	Want   int64  // expected: Content-Length, or size by the header; -1: unknown
}

func (e *BodyError) Error() string { return e.Reason }

// CheckHead checks the first bytes of a body: its first [wav.HeadBytes], or all of it
// (whole). It returns the header, or a [*BodyError]. For a header that is longer than
// that, it returns what was found.
func CheckHead(head []byte, whole bool) (wav.Header, error) { return wav.Header{}, nil }

// UnavailableError reports that a file operation of the store failed: the disk is
// full or read-only, the folder is not accessible. It says nothing about a recording.
type UnavailableError struct {
	Path      string // of the store
	FreeBytes int64  // of its file system; -1: unknown
	Err       error
}

func (e *UnavailableError) Error() string { return e.Err.Error() }

func (e *UnavailableError) Unwrap() error { return e.Err }

// IsUnavailable reports whether err is or wraps an [*UnavailableError].
func IsUnavailable(err error) bool { return false }

// ClaimedError reports that another process has claimed the recordings of a project.
type ClaimedError struct {
	Project, Path string
	Holder        string // process and host; "" if unknown
}

func (e *ClaimedError) Error() string { return e.Project }
