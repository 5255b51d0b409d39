package verify

import (
	"testing"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// The source lists an id with two starts, and the later one is stored.
func TestTwoIDs(t *testing.T) {
	t.Parallel()
	for name, span := range map[string][2]int{"both starts": {0, 24}, "the earlier": {0, 5}, "the later": {5, 24}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			destination := holding(t, conversation("twice", 9, "second"))
			later := warehouse.TimestampOf(at(9))
			source := listing(t, conversation("twice", 1, "first"), conversation("twice", 9, "second"))
			got, err := Feed(t.Context(), source, destination, []load.Range{read(0, 24)}, nil, hours(span[0], span[1]), 0)
			if err != nil || len(got.Findings) != 0 {
				t.Fatalf("%+v, %v", got, err)
			}
			want := Finding{
				Feed:      feed,
				ID:        "twice",
				StartedAt: later,
				Listed:    warehouse.TimestampOf(at(1)),
				Kind:      IDTwice,
			}
			if span[0] < 1 && (len(got.Twice) != 1 || got.Twice[0] != want) {
				t.Errorf("found %+v, want %+v", got.Twice, want)
			}
		})
	}
}

// The source lists an id only with an earlier start than the stored one.
func TestMoved(t *testing.T) {
	t.Parallel()
	destination := holding(t, conversation("moved", 9, ""))
	got, err := Feed(t.Context(), listing(t, conversation("moved", 1, "")), destination, []load.Range{read(0, 24)}, nil, hours(0, 24), 0)
	if err != nil || len(got.Twice) != 0 || len(got.Findings) != 1 || got.Findings[0].Kind != Differs {
		t.Errorf("%+v, %v", got, err)
	}
}
