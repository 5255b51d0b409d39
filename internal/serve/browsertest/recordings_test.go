package browsertest

import (
	"context"
	"time"

	"convsync/internal/load"
	"convsync/internal/serve"
	"convsync/internal/warehouse"
)

// recorded returns figures that a test cannot store row by row.
type recorded map[string]load.RecordingCounts

func (r recorded) RecordingCounts(context.Context, map[string][]load.RecordingKind) (map[string]load.RecordingCounts, error) {
	return r, nil
}

func (r recorded) RecordingState(_ context.Context, project string) (warehouse.RecordingState, error) {
	s := warehouse.RecordingState{ProjectID: project}
	if r[project].Stored > 0 {
		s.PIIAccess = warehouse.PIIAccessNoneSeen
	}
	return s, nil
}

// recordings are those of feeds: a large archive that is stored, others that are
// checked, and one of which nothing is known yet.
func recordings(feeds []serve.Feed, storeErr error) serve.Recordings {
	now, reader := time.Now(), recorded{}
	r := serve.Recordings{Reader: reader, Store: func() (bool, error) { return true, storeErr }}
	for i, f := range feeds {
		r.Projects = append(r.Projects, serve.RecordedProject{ProjectID: f.ProjectID, Store: i%2 == 0})
		switch i {
		case 0:
			reader[f.ProjectID] = load.RecordingCounts{
				Unknown:         41_230,
				Unchecked:       41_230,
				Available:       1_081_234,
				Missing:         20_311,
				Forbidden:       5,
				Failed:          17,
				Stored:          1_040_007,
				StoredBytes:     20_140_977_112_004,
				Unstored:        41_227,
				OldestUnchecked: ago(now, 26*time.Hour),
				OldestUnstored:  ago(now, 12*24*time.Hour),
			}
		case 1:
			reader[f.ProjectID] = load.RecordingCounts{Available: 81_000, Missing: 203, Unstored: 81_000, OldestUnstored: ago(now, 90*24*time.Hour)}
		default:
			reader[f.ProjectID] = load.RecordingCounts{Unknown: 82_211, Unchecked: 82_211, OldestUnchecked: ago(now, 100*24*time.Hour)}
		}
	}
	return r
}
