package load

import (
	"slices"
	"testing"

	"convsync/internal/warehouse"
)

// settled makes a stored copy of a conversation.
func settled(start warehouse.Timestamp, change func(*warehouse.Rows)) *warehouse.Rows {
	r := &warehouse.Rows{Conversation: warehouse.Conversation{
		ProjectID:        "p",
		ConversationID:   "c-1",
		Environment:      "live",
		StartedAt:        start,
		FirstSeenAt:      start,
		UpdatedAt:        start,
		TranscriptStatus: warehouse.TranscriptHidden,
		NumTurns:         warehouse.Some(int64(2)),
	}}
	if change != nil {
		change(r)
	}
	r.Conversation.TurnsLoaded, r.Conversation.ContentHash = int64(len(r.Turns)), r.Hash()
	return r
}

func withTurns(indexes ...int64) func(*warehouse.Rows) {
	return func(r *warehouse.Rows) {
		for _, i := range indexes {
			r.Turns = append(r.Turns, warehouse.Turn{TurnIndex: i, UserInput: "made up", LatencySeconds: warehouse.Some(float64(i))})
		}
	}
}

func TestSettle(t *testing.T) {
	t.Parallel()
	partsOnly := &warehouse.Rows{Conversation: warehouse.Conversation{ConversationID: "c-1", StartedAt: 9}}
	withTurns(0, 1)(partsOnly)
	partsOnly.Metrics = []warehouse.Metric{{Name: "score", Value: "9.5"}}
	for name, c := range map[string]struct {
		copies  []*warehouse.Rows
		start   warehouse.Timestamp // of the copy that is kept; 0: none
		turns   int
		metrics warehouse.JSON
		changed bool
	}{
		"OneCopy":        {[]*warehouse.Rows{settled(1, withTurns(0, 1))}, 1, 2, "", false},
		"FirstIsKept":    {[]*warehouse.Rows{settled(5, withTurns(0)), settled(1, withTurns(0, 1))}, 5, 1, "", true},
		"TakesTurns":     {[]*warehouse.Rows{settled(5, nil), settled(1, withTurns(0, 1))}, 5, 2, "", true},
		"TakesParts":     {[]*warehouse.Rows{partsOnly, settled(1, nil)}, 1, 2, `{"score":["9.5"]}`, true},
		"DropsSpare":     {[]*warehouse.Rows{settled(1, func(r *warehouse.Rows) { withTurns(0)(r); r.Metrics = []warehouse.Metric{{}} }), partsOnly}, 1, 1, "", false},
		"PartsOnly":      {[]*warehouse.Rows{partsOnly}, 0, 0, "", false},
		"PartsOnceInRow": {[]*warehouse.Rows{settled(1, withTurns(1, 0, 1, 0))}, 1, 2, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			copies := make([]*warehouse.Rows, len(c.copies))
			for i, r := range c.copies {
				copies[i] = &warehouse.Rows{}
				if err := copies[i].Decode(string(r.Append(nil))); err != nil {
					t.Fatal(err)
				}
			}
			got, changed := Settle(copies, 100, "run-2")
			if got == nil {
				if c.start != 0 {
					t.Error("no copy is kept")
				}
				return
			}
			k := &got.Conversation
			if k.StartedAt != c.start || len(got.Turns) != c.turns || k.Metrics != c.metrics || changed != c.changed {
				t.Errorf("kept %+v with %d turns, changed: %v; want %+v", k, len(got.Turns), changed, c)
			}
			for i, turn := range got.Turns {
				if turn.TurnIndex != int64(i) || turn.StartedAt != 0 && turn.StartedAt != k.StartedAt {
					t.Errorf("turn %d is %+v", i, turn)
				}
			}
			if name == "TakesTurns" && (k.TranscriptStatus != warehouse.TranscriptHiddenKept || k.LatencyMaxSeconds.V != 1 || k.ContentHash != got.Hash()) {
				t.Errorf("with the turns of another copy: %+v", k)
			}
		})
	}
}

func TestFixLifecycle(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		inProgress warehouse.Null[bool]
		is, want   string
	}{
		{warehouse.Some(true), warehouse.LifecycleOpen, warehouse.LifecycleOpen},
		{warehouse.Some(true), warehouse.LifecycleAbandoned, warehouse.LifecycleAbandoned},
		{warehouse.Some(true), warehouse.LifecycleFinal, warehouse.LifecycleOpen},
		{warehouse.Some(true), "", warehouse.LifecycleOpen},
		{warehouse.Some(false), warehouse.LifecycleOpen, warehouse.LifecycleFinal},
		{warehouse.Null[bool]{}, warehouse.LifecycleAbandoned, warehouse.LifecycleFinal},
		{warehouse.Null[bool]{}, warehouse.LifecycleFinal, warehouse.LifecycleFinal},
	} {
		conversation := warehouse.Conversation{InProgress: c.inProgress, Lifecycle: c.is}
		if changed := FixLifecycle(&conversation); conversation.Lifecycle != c.want || changed != (c.is != c.want) {
			t.Errorf("%+v became %q, changed: %v", c, conversation.Lifecycle, changed)
		}
	}
}

func TestSettle_Recordings(t *testing.T) {
	t.Parallel()
	fresh := warehouse.AudioReference{
		ProjectID:      "p",
		ConversationID: "c-1",
		Direction:      "combined",
		URL:            "https://audio.example.com/1",
		Availability:   warehouse.AudioUnknown,
	}
	recorded := fresh
	recorded.Availability, recorded.CheckedAt = warehouse.AudioAvailable, warehouse.Some(warehouse.Timestamp(7))
	recorded.SHA256, recorded.StoredURI, recorded.StoredAt = "made up", "p/1.wav", recorded.CheckedAt
	with := func(a warehouse.AudioReference) func(*warehouse.Rows) {
		return func(r *warehouse.Rows) { r.Audio = []warehouse.AudioReference{a} }
	}
	orphan := &warehouse.Rows{Conversation: warehouse.Conversation{ConversationID: "c-1", StartedAt: 9}}
	with(recorded)(orphan)
	for name, copies := range map[string][]*warehouse.Rows{
		"Second": {settled(5, with(fresh)), settled(1, with(recorded))},
		"First":  {settled(5, with(recorded)), settled(1, with(fresh))},
		"Orphan": {orphan, settled(1, with(fresh))},
	} {
		got, changed := Settle(copies, 100, "run-2")
		want := recorded
		want.StartedAt = got.Conversation.StartedAt
		if !changed || !slices.Equal(got.Audio, []warehouse.AudioReference{want}) {
			t.Errorf("%s: %v, %+v", name, changed, got.Audio)
		}
	}
}
