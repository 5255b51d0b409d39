package warehouse

import (
	"reflect"
	"testing"
)

func TestRows_Recycle(t *testing.T) {
	t.Parallel()
	r := &Rows{
		Conversation: Conversation{ConversationID: "a"},
		Turns:        []Turn{{UserInput: "hello", Intents: List{"x"}}},
		Entities:     make([]Entity, 2),
		Metrics:      []Metric{{Name: "score"}},
		Audio:        []AudioReference{{URL: "u"}},
		Digest:       Digest{1},
	}
	text, turns := r.Turns[0].UserInput, r.Turns
	r.Recycle()
	if text != "hello" || turns[0].UserInput != "" || !reflect.DeepEqual(r.Conversation, Conversation{}) || r.Digest.IsKnown() {
		t.Errorf("recycled: %+v, with %+v", r, turns)
	}
	for _, m := range Members()[1:] {
		if m.Len(r) != 0 {
			t.Errorf("%s has %d rows", m.Spec().Name, m.Len(r))
		}
	}
	if next := NewRows(); len(next.Turns)+len(next.Entities)+len(next.Metrics)+len(next.Audio) != 0 {
		t.Errorf("new rows are %+v", next)
	}
	large := &Rows{Turns: make([]Turn, maxRecycled+1)}
	large.Recycle()
	if len(large.Turns) == 0 {
		t.Error("rows with many turns are recycled")
	}
}
