package recordings

import (
	"errors"
	"sync/atomic"

	"convsync/internal/polyai"
	"convsync/internal/recordings/store"
)

// Counts counts the work of a run.
type Counts struct {
	Requests int64 `json:"requests"`
	Retries  int64 `json:"retries"`
	Bytes    int64 `json:"bytes"`   // received
	Checked  int64 `json:"checked"` // recordings; each is one of the following four
	// Available and so on count the results.
	Available   int64 `json:"available"`
	Missing     int64 `json:"missing"`
	Forbidden   int64 `json:"forbidden"`
	Failed      int64 `json:"failed"`
	Stored      int64 `json:"stored"` // including adopted ones
	StoredBytes int64 `json:"stored_bytes"`
	Adopted     int64 `json:"adopted"`  // copies that were stored before, and not recorded
	Removed     int64 `json:"removed"`  // copies of deleted and erased conversations
	Enlisted    int64 `json:"enlisted"` // rows that were added or completed
}

// counters are the [Counts] of a project during a run.
type counters struct {
	requests, retries, bytes, checked             atomic.Int64
	available, missing, forbidden, failed         atomic.Int64
	stored, storedBytes, adopted, removed, listed atomic.Int64
}

func (c *counters) counts() Counts {
	return Counts{
		Requests:    c.requests.Load(),
		Retries:     c.retries.Load(),
		Bytes:       c.bytes.Load(),
		Checked:     c.checked.Load(),
		Available:   c.available.Load(),
		Missing:     c.missing.Load(),
		Forbidden:   c.forbidden.Load(),
		Failed:      c.failed.Load(),
		Stored:      c.stored.Load(),
		StoredBytes: c.storedBytes.Load(),
		Adopted:     c.adopted.Load(),
		Removed:     c.removed.Load(),
		Enlisted:    c.listed.Load(),
	}
}

func (c *Counts) add(d *Counts) {
	c.Requests += d.Requests
	c.Retries += d.Retries
	c.Bytes += d.Bytes
	c.Checked += d.Checked
	c.Available += d.Available
	c.Missing += d.Missing
	c.Forbidden += d.Forbidden
	c.Failed += d.Failed
	c.Stored += d.Stored
	c.StoredBytes += d.StoredBytes
	c.Adopted += d.Adopted
	c.Removed += d.Removed
	c.Enlisted += d.Enlisted
}

// ProjectReport is the result of a run for one project.
type ProjectReport struct {
	ProjectID string `json:"project_id"`
	Mode      Mode   `json:"mode"`
	Counts
	// PIIAccess says whether the key may read raw recordings: yes, none_seen, or
	// empty if that is not known.
	PIIAccess string `json:"pii_access,omitempty"`
	// Skipped says why the project was left out: who works on its recordings, or
	// that the destination has no tables yet.
	Skipped string `json:"skipped,omitempty"`
	// Error is why the work on the project stopped early.
	Error string `json:"error,omitempty"`
	Err   error  `json:"-"`
}

// Report is the result of a run.
type Report struct {
	Projects []ProjectReport `json:"projects"`
	Seconds  float64         `json:"seconds"`
	// StoreError is why copies were not stored.
	StoreError string `json:"store_error,omitempty"`
	StoreErr   error  `json:"-"`
}

// Total adds up the counts of the projects.
func (r *Report) Total() (total Counts) {
	for i := range r.Projects {
		total.add(&r.Projects[i].Counts)
	}
	return total
}

// Incomplete reports whether the work on a project stopped early, or copies could not
// be stored. Single recordings that failed do not count.
func (r *Report) Incomplete() bool {
	for i := range r.Projects {
		if r.Projects[i].Err != nil {
			return true
		}
	}
	return r.StoreErr != nil
}

// Reason returns the reason of an error of a recording for the column reason, such as
// html or short_body. It is empty for errors that are not about a recording.
func Reason(err error) string {
	var body *store.BodyError
	switch {
	case errors.As(err, &body):
		return body.Reason
	case store.IsUnavailable(err):
		return ""
	}
	return polyai.AudioReason(err)
}
