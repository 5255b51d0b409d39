package polyai

import (
	"reflect"
	"testing"
)

// TestDecoder_Release decodes a conversation with two lists of turns, and checks that
// nothing of it remains in the memory that the decoder keeps.
func TestDecoder_Release(t *testing.T) {
	t.Parallel()
	var d Decoder
	_, err := d.Decode(Value(`{"id":"c","started_at":"2026-05-01T00:00:00Z","more":1,
		"turns":[{"user_input":"a","intents":["x"],"entities":{"e":"f"},"other":2},{"user_input":"b","other":3}],
		"turns":[{"user_input":"c","intents":["y"]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	d.Release()
	turns := d.c.Turns[:cap(d.c.Turns)]
	if len(turns) < 2 {
		t.Fatalf("the decoder keeps memory for %d turns", len(turns))
	}
	for _, turn := range turns {
		for _, m := range turn.Extra[:cap(turn.Extra)] {
			if m.Name != "" || m.Value != nil {
				t.Errorf("the decoder keeps %+v", m)
			}
		}
		for _, e := range turn.Entities[:cap(turn.Entities)] {
			if e.Name != "" || e.Value != nil {
				t.Errorf("the decoder keeps %+v", e)
			}
		}
		turn.Extra, turn.Entities = nil, nil
		if !reflect.DeepEqual(turn, Turn{}) {
			t.Errorf("the decoder keeps %+v", turn)
		}
	}
}
