package pipeline

import (
	"fmt"
	"testing"

	"convsync/internal/load"
	"convsync/internal/polyai"
	"convsync/internal/warehouse"
)

func TestNote(t *testing.T) {
	t.Parallel()
	st := &window{drift: map[driftKey]warehouse.Drift{}}
	for i := range 1000 {
		st.note([]polyai.Drift{{Path: fmt.Sprint("turns[].name", i), Type: "string", Length: 3, Kind: polyai.DriftUnknown}})
	}
	rest := st.drift[driftKey{"turns[]." + load.OtherDrift, string(polyai.DriftUnknown), "string"}]
	if len(st.drift) != load.MaxDriftSiblings+1 || rest.Count != 1000-load.MaxDriftSiblings || st.drifting != 1000 {
		t.Errorf("%d rows, %d occurrences of others, %d in total", len(st.drift), rest.Count, st.drifting)
	}
}
