package load

import (
	"cmp"

	"convsync/internal/warehouse"
)

// MergeRecording merges a result into the row of its recording. Applying a result
// again, or after a later one, changes nothing, so a result may be recorded twice,
// and results of a paused process do no harm. Apart from Forget, the order of
// results does not matter.
func MergeRecording(stored warehouse.AudioReference, in *RecordingResult) warehouse.AudioReference {
	a := &in.AudioReference
	if laterCheck(a, &stored) {
		stored.Availability, stored.CheckedAt, stored.Checks, stored.NextCheckAt = a.Availability, a.CheckedAt, a.Checks, a.NextCheckAt
		stored.Reason = a.Reason
		stored.SizeBytes, stored.DurationSeconds = a.SizeBytes, a.DurationSeconds
		stored.SampleRateHz, stored.Channels, stored.Codec = a.SampleRateHz, a.Channels, a.Codec
	}
	switch {
	case in.Forget:
		if stored.StoredURI == a.StoredURI {
			stored.SHA256, stored.StoredURI, stored.StoredAt = "", "", warehouse.Null[warehouse.Timestamp]{}
		}
	case laterCopy(a, &stored):
		stored.SHA256, stored.StoredURI, stored.StoredAt = a.SHA256, a.StoredURI, a.StoredAt
	}
	if stored.URL == "" {
		stored.URL = a.URL
	}
	if evidenceRank[a.RedactionEvidence] > evidenceRank[stored.RedactionEvidence] {
		stored.RedactionEvidence = a.RedactionEvidence
	}
	return stored
}

// evidenceRank orders the evidence: the stronger one remains.
var evidenceRank = map[warehouse.Text]int{
	warehouse.EvidenceUnknown:   1,
	warehouse.EvidenceRequested: 2,
	warehouse.EvidenceIdentical: 3,
	warehouse.EvidenceVerified:  4,
}

// laterCheck reports whether the check of a replaces that of b. Of two checks at
// the same time, one wins in either order.
func laterCheck(a, b *warehouse.AudioReference) bool {
	return cmp.Or(compareTimes(a.CheckedAt, b.CheckedAt), cmp.Compare(a.Availability, b.Availability), cmp.Compare(a.Checks, b.Checks),
		cmp.Compare(a.Reason, b.Reason), compareTimes(a.NextCheckAt, b.NextCheckAt), cmp.Compare(a.SizeBytes.V, b.SizeBytes.V)) > 0 &&
		a.CheckedAt.Valid
}

// laterCopy reports whether the stored copy of a replaces that of b.
func laterCopy(a, b *warehouse.AudioReference) bool {
	return cmp.Or(compareTimes(a.StoredAt, b.StoredAt), cmp.Compare(a.StoredURI, b.StoredURI), cmp.Compare(a.SHA256, b.SHA256)) > 0
}

// compareTimes compares nullable times; NULL is before all others.
func compareTimes(a, b warehouse.Null[warehouse.Timestamp]) int {
	switch {
	case !a.Valid && !b.Valid:
		return 0
	case !a.Valid:
		return -1
	case !b.Valid:
		return 1
	}
	return cmp.Compare(a.V, b.V)
}
