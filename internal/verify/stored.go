package verify

import (
	"context"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// shownFaults limits how many faults of a project are returned in detail. All are
// counted. This limits memory if much is damaged.
const shownFaults = 1000

// Faults holds the contradictions in the stored data of a project.
type Faults struct {
	ProjectID string
	Counts    map[load.FaultKind]int64
	Shown     []load.Fault // the first 1000
}

// Stored checks the stored data of a project for contradictions.
func Stored(ctx context.Context, archive load.Auditor, project string, span extract.Span) (*Faults, error) {
	found := &Faults{ProjectID: project, Counts: map[load.FaultKind]int64{}}
	r := rangeOf(span)
	err := archive.Audit(ctx, project, r.From, r.Until, func(f load.Fault) error {
		found.Counts[f.Kind]++
		if len(found.Shown) < shownFaults {
			found.Shown = append(found.Shown, f)
		}
		return nil
	})
	return found, err
}

func rangeOf(span extract.Span) load.Range {
	return load.Range{From: warehouse.TimestampOf(span.From.Time()), Until: warehouse.TimestampOf(span.Until.Time())}
}
