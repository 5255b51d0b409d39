package recordings

import (
	"errors"
	"net/http"
	"time"

	"convsync/internal/load"
	"convsync/internal/polyai"
	"convsync/internal/recordings/store"
	"convsync/internal/warehouse"
	"convsync/internal/wav"
)

// found holds the result of asking for a recording.
type found struct {
	availability, reason string
	evidence             warehouse.Text
	size                 int64       // -1: not learned
	header               *wav.Header // nil: not learned
	copy                 *store.Copy // nil: none
	twin                 *store.Copy // of the other version, as far as it is stored
	head                 *polyai.AudioHead
	adopted              bool
	refusal              error // a response that a wrong key, host or project causes as well
	outage               error // the source failed, not the recording
}

// failed returns that a recording could not be read.
func failed(reason string) found {
	return found{availability: warehouse.AudioFailed, reason: reason, size: -1}
}

// foundBy classifies the error of a request. It returns the error itself if that
// concerns the whole project.
func foundBy(err error) (found, error) {
	switch {
	case stopsProject(err):
		return found{}, err
	case polyai.IsNoRecording(err):
		return found{availability: warehouse.AudioMissing, reason: Reason(err), size: -1}, nil
	case statusOf(err) == http.StatusForbidden:
		return found{availability: warehouse.AudioForbidden, reason: Reason(err), size: -1, refusal: err}, nil
	}
	f := failed(Reason(err))
	if statusOf(err) == http.StatusNotFound {
		f.refusal = err
	}
	if polyai.IsTemporary(err) {
		f.outage = err
	}
	return f, nil
}

// shortAttempts is how often a recording is requested whose header declares more
// samples than there are, before it is accepted as it is.
const shortAttempts = 3

// acceptsIncomplete reports whether the recording is accepted even if its header
// declares more samples than there are.
func acceptsIncomplete(a *warehouse.AudioReference) bool {
	return a.Reason == store.ReasonHeaderLonger && a.Checks >= shortAttempts
}

// foundInHead evaluates the beginning of a recording.
func foundInHead(head *polyai.AudioHead, a *warehouse.AudioReference) found {
	if head.Size == 0 || head.Whole && len(head.Start) == 0 {
		return failed(store.ReasonEmpty)
	}
	header, err := store.CheckHead(head.Start, head.Whole)
	var body *store.BodyError
	if errors.As(err, &body) {
		return failed(body.Reason)
	}
	f := found{availability: warehouse.AudioAvailable, size: head.Size, header: &header, head: head}
	if !header.Complete(head.Size) {
		if !acceptsIncomplete(a) {
			return failed(store.ReasonHeaderLonger)
		}
		f.reason = store.ReasonHeaderLonger
	}
	return f
}

// foundCopy returns that a copy is stored.
func foundCopy(c *store.Copy) found {
	f := found{availability: warehouse.AudioAvailable, size: c.Bytes, header: &c.Header, copy: c}
	if !c.Header.Complete(c.Bytes) {
		f.reason = store.ReasonHeaderLonger
	}
	return f
}

// result returns the result for the row of the recording. now is server time.
func (f *found) result(a *warehouse.AudioReference, now, ended time.Time) load.RecordingResult {
	r := load.RecordingResult{AudioReference: *a}
	r.Availability, r.Reason = f.availability, warehouse.Text(f.reason)
	if r.URL == "" && r.Reason == "" {
		r.Reason = reasonNoHost
	}
	at := warehouse.TimestampOf(now)
	if a.CheckedAt.Valid {
		// An earlier time would be ignored as that of an older check.
		at = max(at, a.CheckedAt.V+1)
	}
	r.CheckedAt = warehouse.Some(at)
	r.Checks, r.NextCheckAt = 0, warehouse.Null[warehouse.Timestamp]{}
	if f.availability != warehouse.AudioAvailable {
		r.Checks = a.Checks + 1
		r.NextCheckAt = nextCheck(f.availability, a.Availability, r.Checks, now, ended)
	}
	f.describe(&r.AudioReference)
	if f.copy != nil {
		r.SHA256, r.StoredURI, r.StoredAt = warehouse.Text(f.copy.SHA256), warehouse.Text(f.copy.URI), warehouse.Some(at)
		r.NextCheckAt = warehouse.Null[warehouse.Timestamp]{}
	}
	return r
}

// describe sets size, length and format, as far as they were learned.
func (f *found) describe(a *warehouse.AudioReference) {
	if f.size >= 0 {
		a.SizeBytes = warehouse.Some(f.size)
	}
	if h := f.header; h != nil {
		a.Codec = warehouse.Text(h.Codec)
		a.Channels, a.SampleRateHz = positive(h.Channels), positive(h.SampleRateHz)
		a.DurationSeconds = warehouse.Null[float64]{}
		if seconds, ok := h.Seconds(f.size); ok {
			a.DurationSeconds = warehouse.Some(seconds)
		}
	}
	if f.evidence != "" {
		a.RedactionEvidence = f.evidence
	}
}

func positive(n int) warehouse.Null[int64] {
	return warehouse.Null[int64]{V: int64(n), Valid: n > 0}
}
