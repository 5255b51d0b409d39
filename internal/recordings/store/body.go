package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"convsync/internal/wav"
)

// Reasons of a [BodyError]: values of audio_references.reason.
const (
	ReasonHTML   = "html"
	ReasonJSON   = "json"
	ReasonEmpty  = "empty"
	ReasonShort  = "short_body" // ends before its Content-Length, or within its header
	ReasonLong   = "long_body"  // longer than its Content-Length
	ReasonNotWAV = "not_wav"    // any other content
	// ReasonHeaderLonger is a body with all bytes of its Content-Length whose header
	// declares more samples. See [Source].
	ReasonHeaderLonger = "header_longer_than_body"
)

// BodyError reports that a body is not a recording, or not a complete one. It never
// contains text of the body.
type BodyError struct {
	Reason string // one of the constants above
	Bytes  int64  // how many were read
	Want   int64  // Content-Length, or the size that the header declares; -1: unknown
}

func (e *BodyError) Error() string {
	what := map[string]string{
		ReasonHTML:         "is a web page and not a recording",
		ReasonJSON:         "is JSON and not a recording",
		ReasonEmpty:        "is empty",
		ReasonShort:        "ends too early",
		ReasonLong:         "is longer than its Content-Length",
		ReasonNotWAV:       "is not a WAV file",
		ReasonHeaderLonger: "has fewer samples than its header declares",
	}[e.Reason]
	if e.Want < 0 {
		return fmt.Sprintf("the body %s (%d bytes)", what, e.Bytes)
	}
	return fmt.Sprintf("the body %s (%d of %d bytes)", what, e.Bytes, e.Want)
}

// CheckHead checks the first bytes of a body: its first [wav.HeadBytes], or all of it
// (whole). It returns the header, or a [*BodyError]. For a header that is longer than
// that, it returns what was found.
func CheckHead(head []byte, whole bool) (wav.Header, error) {
	header, err := wav.Parse(head)
	refused := &BodyError{Bytes: int64(len(head)), Want: -1}
	switch {
	case err == nil, errors.Is(err, wav.ErrCut) && !whole && len(head) >= formBytes:
		return header, nil
	case len(head) == 0 && whole:
		refused.Reason = ReasonEmpty
	case errors.Is(err, wav.ErrCut):
		refused.Reason = ReasonShort
	default:
		refused.Reason = reasonOf(head)
	}
	return wav.Header{}, refused
}

// formBytes is the size of the part of a WAV file that identifies it.
const formBytes = 12

// reasonOf returns what a body is that is not a WAV file.
func reasonOf(head []byte) string {
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	switch {
	case bytes.HasPrefix(text, []byte("<")):
		return ReasonHTML
	case bytes.HasPrefix(text, []byte("{")), bytes.HasPrefix(text, []byte("[")):
		return ReasonJSON
	}
	return ReasonNotWAV
}

// body reads the body of a recording.
type body struct {
	ctx    context.Context
	from   io.Reader
	bytes  int64
	ended  bool
	header wav.Header
}

// fill reads into p until it is full or the body ends. A body that ends before its
// Content-Length is a [*BodyError].
func (b *body) fill(p []byte) (n int, err error) {
	for n < len(p) && !b.ended {
		if err := context.Cause(b.ctx); err != nil {
			return n, err
		}
		read, err := b.from.Read(p[n:])
		n += read
		b.bytes += int64(read)
		switch {
		case err == io.EOF: // wrapped, it is not a regular end
			b.ended = true
		case errors.Is(err, io.ErrUnexpectedEOF):
			return n, &BodyError{Reason: ReasonShort, Bytes: b.bytes, Want: -1}
		case err != nil:
			return n, fmt.Errorf("read the recording: %w", err)
		}
	}
	return n, nil
}

// start reads and checks the first bytes, so that no file is created for a body that
// is not a recording.
func (b *body) start(p []byte) (n int, err error) {
	n, err = b.fill(p)
	var refused *BodyError
	if err != nil && !errors.As(err, &refused) {
		return n, err
	}
	header, wrong := CheckHead(p[:n], b.ended)
	if wrong != nil && (err == nil || n >= formBytes) {
		err = wrong // names the reason better than that it is too short
	}
	b.header = header
	return n, err
}

// complete checks a body that was read to its end.
func (b *body) complete(from *Source) error {
	switch {
	case from.Size >= 0 && b.bytes < from.Size:
		return &BodyError{Reason: ReasonShort, Bytes: b.bytes, Want: from.Size}
	case from.Size >= 0 && b.bytes > from.Size:
		return &BodyError{Reason: ReasonLong, Bytes: b.bytes, Want: from.Size}
	case !from.AcceptIncomplete && !b.header.Complete(b.bytes):
		return &BodyError{Reason: ReasonHeaderLonger, Bytes: b.bytes, Want: b.header.DataOffset + b.header.DataBytes}
	}
	return nil
}
