package transform

import (
	"strings"
	"testing"

	"convsync/internal/warehouse"
)

func TestTooLarge(t *testing.T) {
	t.Parallel()
	most := warehouse.JSON(strings.Repeat("1", maxJSONBytes+1))
	for name, set := range map[string]func(*warehouse.Rows, warehouse.JSON){
		"metrics": func(r *warehouse.Rows, v warehouse.JSON) { r.Conversation.Metrics = v },
		"state":   func(r *warehouse.Rows, v warehouse.JSON) { r.Conversation.State = v },
		"extra":   func(r *warehouse.Rows, v warehouse.JSON) { r.Conversation.Extra = v },
		"turns":   func(r *warehouse.Rows, v warehouse.JSON) { r.Turns = []warehouse.Turn{{}, {Extra: v}} },
	} {
		for size, want := range map[int]bool{maxJSONBytes: false, maxJSONBytes + 1: true} {
			b := builder{rows: &warehouse.Rows{}}
			if set(b.rows, most[:size]); b.tooLarge() != want {
				t.Errorf("%s of %d bytes: too large %v", name, size, !want)
			}
		}
	}
}
