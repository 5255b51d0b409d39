package loadtest

import (
	"math"
	"slices"
	"testing"

	"convsync/internal/warehouse"
)

func TestDiff_EveryColumn(t *testing.T) {
	t.Parallel()
	whole := func() *warehouse.Rows { return Conversation("p", "c-1", Noon) }
	if d := Diff(whole(), whole()); d != "" {
		t.Fatalf("equal conversations differ: %s", d)
	}
	everyColumn(t, &warehouse.Conversations, func(r *warehouse.Rows) *warehouse.Conversation { return &r.Conversation })
	everyColumn(t, &warehouse.Turns, func(r *warehouse.Rows) *warehouse.Turn { return &r.Turns[0] })
	everyColumn(t, &warehouse.Entities, func(r *warehouse.Rows) *warehouse.Entity { return &r.Entities[0] })
	everyColumn(t, &warehouse.Metrics, func(r *warehouse.Rows) *warehouse.Metric { return &r.Metrics[0] })
	everyColumn(t, &warehouse.AudioReferences, func(r *warehouse.Rows) *warehouse.AudioReference { return &r.Audio[0] })
}

func everyColumn[R any](t *testing.T, table *warehouse.Table[R], pick func(*warehouse.Rows) *R) {
	t.Helper()
	for i := range table.Columns {
		c := &table.Columns[i]
		r := Conversation("p", "c-1", Noon)
		switch f := c.Ref(pick(r)).(type) {
		case *string:
			*f += "x"
		case *warehouse.Text:
			*f += "x"
		case *warehouse.JSON:
			*f = `{"x":1}`
		case *warehouse.List:
			*f = append(*f, "")
		case *int64:
			*f++
		case *warehouse.Null[int64]:
			f.Valid, f.V = !f.Valid, 0
		case *warehouse.Null[float64]:
			f.Valid, f.V = !f.Valid, 0
		case *bool:
			*f = !*f
		case *warehouse.Null[bool]:
			f.Valid, f.V = !f.Valid, false
		case *warehouse.Timestamp:
			*f++
		case *warehouse.Null[warehouse.Timestamp]:
			f.Valid, f.V = !f.Valid, 0
		}
		if Diff(Conversation("p", "c-1", Noon), r) == "" {
			t.Errorf("%s.%s: the difference is not detected", table.Name, c.Name)
		}
		if slices.Contains(table.Key, c.Name) {
			continue // a change of the key makes another row
		}
		if d := Diff(Conversation("p", "c-1", Noon), r, c.Name); d != "" {
			t.Errorf("%s.%s: reported although it is ignored: %s", table.Name, c.Name, d)
		}
	}
}

func TestDiff_ByValue(t *testing.T) {
	t.Parallel()
	note := func(o Option) *warehouse.Rows { return Conversation("p", "c-1", Noon, o) }
	state := func(j warehouse.JSON) Option { return func(r *warehouse.Rows) { r.Conversation.State = j } }
	score := func(f float64) Option {
		return func(r *warehouse.Rows) { r.Conversation.PolyScore = warehouse.Some(f) }
	}
	tags := func(l warehouse.List) Option { return func(r *warehouse.Rows) { r.Conversation.Tags = l } }
	if d := Diff(note(state(`{"a":1e2,"b":[]}`)), note(state(`{"b": [], "a": 100.0}`)), "content_hash"); d != "" {
		t.Errorf("JSON of one value differs: %s", d)
	}
	for name, pair := range map[string][2]Option{
		"JSON of two values":        {state(`{"a":1}`), state(`{"a":"1"}`)},
		"no JSON and null":          {state(``), state(`null`)},
		"zero and negative zero":    {score(0), score(math.Copysign(0, -1))},
		"no list and an empty one":  {tags(nil), tags(warehouse.List{})},
		"a list and one of no text": {tags(warehouse.List{}), tags(warehouse.List{""})},
		"a number and none":         {score(0), func(*warehouse.Rows) {}},
		"one turn less":             {Turns(2), Turns(3)},
		"stored and not stored":     {Note(""), nil},
	} {
		var want, got *warehouse.Rows
		want = note(pair[0])
		if pair[1] != nil {
			got = note(pair[1])
		}
		if Diff(want, got, "content_hash") == "" || Diff(got, want, "content_hash") == "" {
			t.Errorf("%s: the difference is not detected", name)
		}
	}
}
