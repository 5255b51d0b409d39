package load

import (
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"convsync/internal/warehouse"
)

var inOrder = []string{"live", "draft"} // of the configuration

func TestBatch_Decide(t *testing.T) {
	t.Parallel()
	const ended, open = warehouse.LifecycleFinal, warehouse.LifecycleOpen
	key := func(environment string, start warehouse.Timestamp) StoredKey {
		return StoredKey{Place: Place{environment, start}, ContentHash: "a", Lifecycle: ended}
	}
	missing, erased := key("live", 5), key("live", 5)
	missing.Missing, erased.Erased = true, true
	left := Batch{Moved: map[string]Place{"c-1": {"live", 9}}}
	other := func(stored, answered warehouse.Timestamp) Decision {
		return Decision{OtherStart: &OtherStart{ID: "c-1", Stored: stored, Answered: answered}}
	}
	for name, c := range map[string]struct {
		batch           Batch
		in              Place
		hash, lifecycle string
		stored          StoredKey
		action          Action
		counted         Decision
	}{
		"Same":                 {Batch{}, Place{"live", 5}, "a", ended, key("live", 5), Unchanged, Decision{}},
		"SameRewritten":        {Batch{Rewrite: true}, Place{"live", 5}, "a", ended, key("live", 5), Merge, Decision{}},
		"OtherHash":            {Batch{}, Place{"live", 5}, "b", ended, key("live", 5), Merge, Decision{}},
		"OtherLifecycle":       {Batch{}, Place{"live", 5}, "a", open, key("live", 5), Merge, Decision{}},
		"MissingSame":          {Batch{}, Place{"live", 5}, "a", ended, missing, Merge, Decision{}},
		"MissingOtherStart":    {Batch{}, Place{"live", 4}, "a", ended, missing, Merge, Decision{}},
		"MissingEnvironment":   {Batch{}, Place{"draft", 5}, "b", ended, missing, Merge, Decision{}},
		"Erased":               {Batch{Rewrite: true}, Place{"live", 5}, "b", ended, erased, Skip, Decision{}},
		"FirstEnvironment":     {Batch{}, Place{"live", 4}, "b", ended, key("draft", 5), Merge, Decision{Elsewhere: true}},
		"FirstSameHash":        {Batch{}, Place{"live", 5}, "a", ended, key("draft", 5), Unchanged, Decision{Elsewhere: true}},
		"SecondEnvironment":    {Batch{}, Place{"draft", 6}, "b", ended, key("live", 5), Skip, Decision{Elsewhere: true}},
		"NotConfigured":        {Batch{}, Place{"old", 5}, "b", ended, key("draft", 5), Skip, Decision{Elsewhere: true}},
		"StoredNotConfigured":  {Batch{}, Place{"draft", 5}, "b", ended, key("old", 5), Merge, Decision{Elsewhere: true}},
		"NeitherConfigured":    {Batch{}, Place{"older", 5}, "b", ended, key("old", 5), Skip, Decision{Elsewhere: true}},
		"RewriteDoesNotWin":    {Batch{Rewrite: true}, Place{"draft", 5}, "b", ended, key("live", 5), Skip, Decision{Elsewhere: true}},
		"LaterStart":           {Batch{}, Place{"live", 6}, "b", ended, key("live", 5), Merge, other(5, 6)},
		"EarlierStart":         {Batch{}, Place{"live", 4}, "b", ended, key("live", 5), Skip, other(5, 4)},
		"MovedToEarlierStart":  {left, Place{"live", 4}, "b", ended, key("live", 9), Merge, Decision{}},
		"MovedToEnvironment":   {left, Place{"draft", 4}, "b", ended, key("live", 9), Merge, Decision{}},
		"MovedFromAnotherTime": {left, Place{"live", 4}, "b", ended, key("live", 5), Skip, other(5, 4)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := warehouse.Conversation{
				ConversationID: "c-1",
				Environment:    c.in.Environment,
				StartedAt:      c.in.StartedAt,
				ContentHash:    c.hash,
				Lifecycle:      c.lifecycle,
			}
			want := c.counted
			want.Action = c.action
			if got := c.batch.Decide(inOrder, &in, c.stored); !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func lifecycle(is string) func(*warehouse.Rows) {
	return func(r *warehouse.Rows) { r.Conversation.Lifecycle = is }
}

func withMetrics(r *warehouse.Rows) {
	r.Conversation.Metrics, r.Metrics = `{"score":["9"]}`, []warehouse.Metric{{Name: "score", Value: "9"}}
}

func each(changes ...func(*warehouse.Rows)) func(*warehouse.Rows) {
	return func(r *warehouse.Rows) {
		for _, change := range changes {
			change(r)
		}
	}
}

func visible(r *warehouse.Rows) {
	withTurns(0)(r)
	r.Conversation.TranscriptStatus = "visible"
}

func TestBatch_Merge(t *testing.T) {
	t.Parallel()
	const today = warehouse.Timestamp(2 * day * 1e6)
	const start, marked, now = today + 5, today + 50, today + 100
	ended, open := lifecycle(warehouse.LifecycleFinal), lifecycle(warehouse.LifecycleOpen)
	missing := func(r *warehouse.Rows) { r.Conversation.MissingSince = warehouse.Some(marked) }
	late := func(first, second string) (keys [2]LatenessKey) {
		for i, measure := range []string{first, second} {
			if measure != "" {
				keys[i] = LatenessKey{measure, 1}
			}
		}
		return keys
	}
	live := Batch{LiveSince: 1}
	for name, c := range map[string]struct {
		batch      Batch
		in, stored func(*warehouse.Rows) // nil: nothing is stored
		want       Decision
	}{
		"NewOpen":         {live, open, nil, Decision{Action: Insert, Late: late(LateArrival, "")}},
		"NewEnded":        {live, ended, nil, Decision{Action: Insert, Late: late(LateArrival, LateFinal)}},
		"NewHistory":      {Batch{}, ended, nil, Decision{Action: Insert}},
		"Ended":           {live, ended, open, Decision{Action: Update, Late: late("", LateFinal)}},
		"Changed":         {live, each(ended, visible), each(ended, visible, withMetrics, withTurns(1)), Decision{Action: Update, Late: late("", LateChange)}},
		"Same":            {live, ended, ended, Decision{Action: Unchanged}},
		"SameRewritten":   {Batch{LiveSince: 1, Rewrite: true}, ended, ended, Decision{Action: Update}},
		"HiddenKept":      {live, ended, each(ended, withTurns(0, 1), withMetrics, kept), Decision{Action: Unchanged}},
		"MissingListed":   {live, ended, each(ended, missing), Decision{Action: Update}},
		"StoredIsNewer":   {Batch{SeenAt: start - 1}, visible, ended, Decision{Action: Skip}},
		"StoredIsOlder":   {Batch{SeenAt: start}, visible, open, Decision{Action: Update}},
		"MissingAfter":    {Batch{SeenAt: marked}, ended, each(ended, missing), Decision{Action: Skip}},
		"MissingBefore":   {Batch{SeenAt: marked + 1}, ended, each(ended, missing), Decision{Action: Update}},
		"TurnsVisible":    {Batch{}, each(ended, visible), ended, Decision{Action: Update, VisibleAgain: Parts{Transcripts: true}}},
		"MetricsVisible":  {Batch{}, each(ended, withMetrics), ended, Decision{Action: Update, VisibleAgain: Parts{Metrics: true}}},
		"VisibleAtTheEnd": {Batch{}, each(ended, visible, withMetrics), open, Decision{Action: Update}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in, before := settled(start, c.in), (*warehouse.Rows)(nil)
			if c.stored != nil {
				before = settled(start, c.stored)
			}
			want := c.want
			if c.stored != nil && want.Action != Skip {
				want.Day = today
			}
			if got := c.batch.Merge(in, before, now, "run-2"); !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

// kept marks turns as those that were stored before the source hid them.
func kept(r *warehouse.Rows) {
	r.Conversation.TranscriptStatus, r.Conversation.TurnsLoaded = warehouse.TranscriptHiddenKept, int64(len(r.Turns))
	restart(r)
}

func TestDecision_Count(t *testing.T) {
	t.Parallel()
	var got Counts
	for _, d := range []Decision{
		{Action: Skip, Elsewhere: true},
		{Action: Unchanged, OtherStart: &OtherStart{ID: "c-1", Stored: 1, Answered: 2}},
		{Action: Merge, Elsewhere: true},
		{Action: Insert, Late: [2]LatenessKey{{LateArrival, 1}, {LateFinal, 2}}},
		{Action: Update, Late: [2]LatenessKey{{}, {LateFinal, 2}}},
	} {
		d.Count(&got)
	}
	want := Counts{
		Inserted:    1,
		Updated:     1,
		Unchanged:   2,
		Elsewhere:   2,
		OtherStarts: []OtherStart{{ID: "c-1", Stored: 1, Answered: 2}},
		Lateness:    map[LatenessKey]int64{{LateArrival, 1}: 1, {LateFinal, 2}: 2},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// apply loads a version as a loader does.
func apply(t *rapid.T, b *Batch, in, stored *warehouse.Rows) (now *warehouse.Rows, d Decision) {
	var counts Counts
	d = Decision{Action: Merge}
	if stored != nil {
		d = b.Decide(inOrder, &in.Conversation, KeyOf(&stored.Conversation))
		d.Count(&counts)
	}
	if d.Action == Merge {
		rows := *in
		d = b.Merge(&rows, stored, 100, "run-2")
		d.Count(&counts)
		if d.Writes() {
			stored = &rows
		}
	}
	if counts.Inserted+counts.Updated+counts.Unchanged != 1 {
		t.Fatalf("counted %+v, want one", counts)
	}
	return stored, d
}

func drawVersion(t *rapid.T) *warehouse.Rows {
	return settled(warehouse.Timestamp(rapid.Int64Range(5, 8).Draw(t, "start")), func(r *warehouse.Rows) {
		c := &r.Conversation
		c.Environment = rapid.SampledFrom(inOrder).Draw(t, "environment")
		c.Lifecycle = rapid.SampledFrom([]string{warehouse.LifecycleOpen, warehouse.LifecycleFinal}).Draw(t, "lifecycle")
		if rapid.Bool().Draw(t, "turns") {
			visible(r)
		}
		if rapid.Bool().Draw(t, "metrics") {
			withMetrics(r)
		}
	})
}

// TestDecide_AnyOrder: the first environment and, in it, the latest start wins in
// whichever order the versions are read, and a part that was stored stays.
func TestDecide_AnyOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		versions := rapid.SliceOfN(rapid.Custom(drawVersion), 1, 6).Draw(t, "versions")
		best := slices.MinFunc(versions, func(a, b *warehouse.Rows) int {
			rank := slices.Index(inOrder, a.Conversation.Environment) - slices.Index(inOrder, b.Conversation.Environment)
			if rank != 0 {
				return rank
			}
			return int(b.Conversation.StartedAt - a.Conversation.StartedAt)
		})
		var stored *warehouse.Rows
		for _, in := range versions {
			before := stored
			var d Decision
			if stored, d = apply(t, &Batch{}, in, stored); before == nil {
				continue
			}
			if len(stored.Turns) < len(before.Turns) || len(stored.Metrics) < len(before.Metrics) {
				t.Fatalf("%s: a stored part was deleted", d.Action)
			}
			if in.Conversation.TurnsLoaded == 0 && d.VisibleAgain.Transcripts || len(in.Metrics) == 0 && d.VisibleAgain.Metrics {
				t.Fatalf("%s: %+v is visible again, and was not returned", d.Action, d.VisibleAgain)
			}
		}
		if got, want := PlaceOf(&stored.Conversation), PlaceOf(&best.Conversation); got != want {
			t.Fatalf("stored at %+v, want %+v", got, want)
		}
	})
}

// TestDecide_Repeated: reading the same version again writes nothing.
func TestDecide_Repeated(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var stored *warehouse.Rows
		for _, in := range rapid.SliceOfN(rapid.Custom(drawVersion), 1, 4).Draw(t, "versions") {
			stored, _ = apply(t, &Batch{}, in, stored)
			again, d := apply(t, &Batch{LiveSince: 1}, in, stored)
			if again != stored || d.Writes() || d.Late != [2]LatenessKey{} || d.VisibleAgain != (Parts{}) {
				t.Fatalf("read again: %+v", d)
			}
		}
	})
}

func TestNewest(t *testing.T) {
	t.Parallel()
	feed := Feed{Environment: "live"}
	left := &Batch{Feed: feed, Moved: map[string]Place{"c-1": {"live", 9}}}
	plain := &Batch{Feed: feed}
	for name, c := range map[string]struct {
		staged []Version
		want   int // index
		others []OtherStart
	}{
		"One":              {[]Version{{Batch: plain}}, 0, nil},
		"LastStaged":       {[]Version{{Batch: plain}, {Batch: plain}}, 1, nil},
		"LastOpen":         {[]Version{{Open: true}, {Open: true}}, 1, nil},
		"Ended":            {[]Version{{Open: true}, {}}, 1, nil},
		"EndedBefore":      {[]Version{{}, {Open: true}}, 0, nil},
		"LaterStart":       {[]Version{{StartedAt: 5}, {StartedAt: 9, Open: true}}, 1, []OtherStart{{ID: "c-1", Stored: 9, Answered: 5}}},
		"LaterStartBefore": {[]Version{{StartedAt: 9, Open: true}, {StartedAt: 5}}, 0, []OtherStart{{ID: "c-1", Stored: 9, Answered: 5}}},
		"Moved":            {[]Version{{StartedAt: 9, Batch: plain}, {StartedAt: 5, Batch: left}}, 1, nil},
		"MovedBefore":      {[]Version{{StartedAt: 5, Batch: left}, {StartedAt: 9, Batch: plain}}, 0, nil},
		"MovedFromAnother": {[]Version{{StartedAt: 8, Batch: plain}, {StartedAt: 5, Batch: left}}, 0, []OtherStart{{ID: "c-1", Stored: 8, Answered: 5}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			indexes := make([]int, len(c.staged))
			for i := range c.staged {
				c.staged[i].ID, indexes[i] = "c-1", i
			}
			kept, others := Newest(nil, indexes, func(i *int) Version { return c.staged[*i] })
			if !slices.Equal(kept, []int{c.want}) || !slices.Equal(others, c.others) {
				t.Errorf("kept %d, other starts %+v; want %d, %+v", kept, others, c.want, c.others)
			}
		})
	}
}

// TestNewest_InParts: what is kept does not depend on how versions are divided
// into batches.
func TestNewest_InParts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		draw := rapid.Custom(func(t *rapid.T) Version {
			return Version{
				ID:        rapid.SampledFrom([]string{"c-1", "c-2", "c-3"}).Draw(t, "id"),
				StartedAt: warehouse.Timestamp(rapid.Int64Range(5, 8).Draw(t, "start")),
				Open:      rapid.Bool().Draw(t, "open"),
			}
		})
		staged := rapid.SliceOfN(draw, 0, 12).Draw(t, "staged")
		cut := rapid.IntRange(0, len(staged)).Draw(t, "cut")
		same := func(v *Version) Version { return *v }
		whole, others := Newest(nil, staged, same)
		first, before := Newest(nil, staged[:cut], same)
		parts, after := Newest(nil, append(first, staged[cut:]...), same)
		if !slices.Equal(whole, parts) || !slices.Equal(others, append(before, after...)) {
			t.Fatalf("kept %+v, in parts %+v", whole, parts)
		}
		copied := slices.Clone(staged)
		if inPlace, _ := Newest(copied[:0], copied, same); !slices.Equal(inPlace, whole) {
			t.Fatalf("kept %+v, in place %+v", whole, inPlace)
		}
	})
}
