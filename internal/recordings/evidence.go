package recordings

import (
	"bytes"

	"convsync/internal/polyai"
	"convsync/internal/recordings/store"
	"convsync/internal/warehouse"
)

// likeness is the result of comparing the redacted with the raw version of a
// recording.
type likeness int

const (
	notCompared likeness = iota
	same
	different
)

// evidence returns how it is known whether the recording that was requested is the
// redacted one.
func evidence(redacted bool, compared likeness) warehouse.Text {
	switch {
	case compared == different:
		return warehouse.EvidenceVerified
	case redacted:
		return warehouse.EvidenceRequested
	case compared == same:
		return warehouse.EvidenceIdentical
	}
	return warehouse.EvidenceUnknown
}

// compareCopies compares two versions by their hashes. A copy may be nil.
func compareCopies(a, b *store.Copy) likeness {
	switch {
	case a == nil || b == nil:
		return notCompared
	case a.SHA256 == b.SHA256:
		return same
	}
	return different
}

// compareHeads compares two versions by what probes of them returned: different
// beginnings or sizes show that the versions differ. A head may be nil.
func compareHeads(a, b *polyai.AudioHead) likeness {
	switch {
	case a == nil || b == nil || a.Start == nil || b.Start == nil:
		return notCompared
	case a.Whole && b.Whole && bytes.Equal(a.Start, b.Start):
		return same
	case a.Size >= 0 && b.Size >= 0 && a.Size != b.Size:
		return different
	}
	n := min(len(a.Start), len(b.Start))
	if !bytes.Equal(a.Start[:n], b.Start[:n]) {
		return different
	}
	return notCompared
}

// judge returns the evidence of a recording and of its other version, which may be
// nil.
func judge(redacted bool, compared likeness) (own, other warehouse.Text) {
	return evidence(redacted, compared), evidence(!redacted, compared)
}
