package recordings

import (
	"errors"

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
	known := *a
	known.Availability, known.Reason = f.availability, warehouse.Text(f.reason)
	known.CheckedAt = warehouse.Some(warehouse.TimestampOf(d.now()))
	if f.availability == warehouse.AudioAvailable && known.RedactionEvidence == "" {
		f.evidence = evidence(a.Redacted, notCompared)
	}
	f.describe(&known)
	return known, nil
}
