package parquet

import (
	"testing"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

func TestDriftWithDataInItsNames(t *testing.T) {
	t.Parallel()
	s := &state{drift: []warehouse.Drift{
		{ProjectID: "p", Path: "order_4711", Kind: "unknown_field"}, {ProjectID: "p", Path: "note", Kind: "unknown_field"},
	}}
	if got := s.drifting(load.Feed{ProjectID: "p"}, nil); len(got) != 1 || got[0].Path != "note" {
		t.Errorf("kept %+v, want only the path note", got)
	}
}
