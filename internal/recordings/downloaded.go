package recordings

import (
	"errors"
	"time"

	"convsync/internal/recordings/store"
	"convsync/internal/warehouse"
)

// Downloaded returns a reference as it is known after [Downloader.Download] returned
// a copy or an error. The reference does not name the copy. The error is that of the
// store, or concerns more than this recording.
func (d *Downloader) Downloaded(a *warehouse.AudioReference, c *store.Copy, err error) (warehouse.AudioReference, error) {
	var f found
	var body *store.BodyError
	switch {
	case err == nil:
		f = foundCopy(c)
	case store.IsUnavailable(err):
		return *a, err
	case errors.As(err, &body):
		f = failed(body.Reason)
	default:
		if f, err = foundBy(err); err != nil {
			return *a, err
		}
	}
	if _, err := d.gate.pass(&f, nil); err != nil {
		return *a, err
	}
	return f.known(a, d.now()), nil
}

// Described returns a reference as it is known if its recording was downloaded at a
// time, from the first [wav.HeadBytes] of the file (or all of it) and its size. It
// returns false if that is not a recording.
func Described(a *warehouse.AudioReference, head []byte, size int64, at time.Time) (warehouse.AudioReference, bool) {
	header, err := store.CheckHead(head, int64(len(head)) == size)
	if err != nil {
		return *a, false
	}
	f := foundCopy(&store.Copy{Bytes: size, Header: header})
	return f.known(a, at), true
}

// known returns a reference with the result, and without its copy.
func (f *found) known(a *warehouse.AudioReference, at time.Time) warehouse.AudioReference {
	known := *a
	known.Availability, known.Reason = f.availability, warehouse.Text(f.reason)
	known.CheckedAt = warehouse.Some(warehouse.TimestampOf(at))
	if f.availability == warehouse.AudioAvailable && known.RedactionEvidence == "" {
		f.evidence = evidence(a.Redacted, notCompared)
	}
	f.describe(&known)
	return known
}
