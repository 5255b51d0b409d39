package loadtest

import (
	"bytes"
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"convsync/internal/warehouse"
)

// LoaderSet lists the columns of conversations that the loader sets.
var LoaderSet = []string{"first_seen_at", "updated_at", "run_id"}

// Diff describes how two conversations differ in the columns of their tables,
// without the columns named in ignore; "" if they do not differ. JSON is compared
// by value, floats by their bits, and parts by their keys in any order.
func Diff(want, got *warehouse.Rows, ignore ...string) string {
	switch {
	case want == nil && got == nil:
		return ""
	case want == nil:
		return "is stored, but should not be"
	case got == nil:
		return "is not stored"
	}
	d := &differ{ignore: ignore}
	diffRow(d, "conversations", &warehouse.Conversations, &want.Conversation, &got.Conversation)
	diffRows(d, &warehouse.Turns, want.Turns, got.Turns, func(a, b *warehouse.Turn) int {
		return cmp.Compare(a.TurnIndex, b.TurnIndex)
	})
	diffRows(d, &warehouse.Entities, want.Entities, got.Entities, func(a, b *warehouse.Entity) int {
		return cmp.Or(cmp.Compare(a.TurnIndex, b.TurnIndex), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Ordinal, b.Ordinal))
	})
	diffRows(d, &warehouse.Metrics, want.Metrics, got.Metrics, func(a, b *warehouse.Metric) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Ordinal, b.Ordinal))
	})
	diffRows(d, &warehouse.AudioReferences, want.Audio, got.Audio, func(a, b *warehouse.AudioReference) int {
		return cmp.Or(cmp.Compare(a.Direction, b.Direction), boolOrder(a.Redacted)-boolOrder(b.Redacted))
	})
	return strings.Join(d.found, "; ")
}

func boolOrder(b bool) int {
	if b {
		return 1
	}
	return 0
}

type differ struct {
	ignore []string
	found  []string
}

func diffRows[R any](d *differ, t *warehouse.Table[R], want, got []R, order func(a, b *R) int) {
	if len(want) != len(got) {
		d.found = append(d.found, fmt.Sprintf("%s: %d rows, want %d", t.Name, len(got), len(want)))
		return
	}
	byKey := func(a, b R) int { return order(&a, &b) }
	want, got = slices.SortedFunc(slices.Values(want), byKey), slices.SortedFunc(slices.Values(got), byKey)
	for i := range want {
		diffRow(d, fmt.Sprintf("%s[%d]", t.Name, i), t, &want[i], &got[i])
	}
}

func diffRow[R any](d *differ, name string, t *warehouse.Table[R], want, got *R) {
	for i := range t.Columns {
		c := &t.Columns[i]
		if slices.Contains(d.ignore, c.Name) {
			continue
		}
		if w, g := c.Ref(want), c.Ref(got); !sameValue(w, g) {
			d.found = append(d.found, fmt.Sprintf("%s.%s is %s, want %s", name, c.Name, show(g), show(w)))
		}
	}
}

// sameValue compares two fields of one column.
func sameValue(want, got any) bool {
	switch w := want.(type) {
	case *warehouse.JSON:
		return sameJSON(*w, *got.(*warehouse.JSON))
	case *warehouse.Null[float64]: // bits: -0 is not 0
		return bytes.Equal(floatBits(*w), floatBits(*got.(*warehouse.Null[float64])))
	}
	return reflect.DeepEqual(want, got)
}

func floatBits(f warehouse.Null[float64]) []byte {
	t := warehouse.Turn{LatencySeconds: f}
	return warehouse.Turns.Append(nil, &t)
}

// sameJSON compares documents by value, by their hash, in which each number has
// one form.
func sameJSON(a, b warehouse.JSON) bool {
	value := func(j warehouse.JSON) string {
		if j != "" {
			j, _ = warehouse.Canonical(string(j))
		}
		return (&warehouse.Rows{Conversation: warehouse.Conversation{State: j}}).Hash()
	}
	return a == b || value(a) == value(b)
}

// show formats the value of a field, truncated to a readable length.
func show(field any) string {
	s := fmt.Sprintf("%#v", reflect.ValueOf(field).Elem().Interface())
	if len(s) > 120 {
		s = s[:120] + fmt.Sprintf("… (%d bytes)", len(s))
	}
	return s
}
