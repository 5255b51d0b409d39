package loadtest

import (
	"bytes"
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
	for _, m := range warehouse.Members() {
		d.member(m, want, got)
	}
	return strings.Join(d.found, "; ")
}

type differ struct {
	ignore []string
	found  []string
}

// member compares the rows of one table.
func (d *differ) member(m warehouse.Member, want, got *warehouse.Rows) {
	spec := m.Spec()
	if m.Len(want) != m.Len(got) {
		d.found = append(d.found, fmt.Sprintf("%s: %d rows, want %d", spec.Name, m.Len(got), m.Len(want)))
		return
	}
	name := func(int) string { return spec.Name }
	if p, ok := m.(warehouse.Part); ok {
		want, got = want.Clone(), got.Clone()
		p.Sort(want)
		p.Sort(got)
		name = func(i int) string { return fmt.Sprintf("%s[%d]", spec.Name, i) }
	}
	columns := slices.DeleteFunc(spec.Names(), func(name string) bool { return slices.Contains(d.ignore, name) })
	for i := range m.Len(want) {
		found := m.Fields(nil, m.Row(got, i), spec.Find(columns...))
		for j, w := range m.Fields(nil, m.Row(want, i), spec.Find(columns...)) {
			if !sameValue(w, found[j]) {
				d.found = append(d.found, fmt.Sprintf("%s.%s is %s, want %s", name(i), columns[j], show(found[j]), show(w)))
			}
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
