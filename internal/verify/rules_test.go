package verify

import (
	"encoding/json"
	"testing"

	"convsync/internal/load"
	"convsync/internal/polyai"
	"convsync/internal/transform"
	"convsync/internal/warehouse"
)

// Turns that are kept while the source hides them are equal only if the current
// rules were applied to them.
func TestFeed_Rules(t *testing.T) {
	t.Parallel()
	listed := listing(t, json.RawMessage(`{"id":"a","started_at":"2026-06-01T01:00:00Z","total_duration":60,"note":"","turns":[]}`))
	listed.Transform.Rules = transform.Rules{{
		Name: "mask", Version: "1",
		Conversation: func(c *polyai.Conversation) {
			for i := range c.Turns {
				c.Turns[i].UserInput = "***"
			}
		},
	}}
	covered := read(0, 24)
	covered.Shape = listed.Transform.Shape()
	destination := holding(t, conversation("a", 1, ""))
	for _, masked := range []bool{false, true} {
		destination.change("a", func(r *warehouse.Rows) {
			if masked {
				*r = *listed.Transform.Stored(r)
			}
			r.Conversation.TranscriptStatus = warehouse.TranscriptHiddenKept
			r.Conversation.ContentHash = r.Hash()
		})
		got, err := Feed(t.Context(), listed, destination, []load.Range{covered}, nil, hours(0, 24), 0)
		if err != nil || (got.Same == 1) != masked || (len(got.Findings) == 0) != masked {
			t.Errorf("masked %t: %+v, %v", masked, got, err)
		}
	}
}
