package warehouse

import (
	"bytes"
	"reflect"
	"testing"
	"unsafe"

	"pgregory.net/rapid"
)

// TestLayout compares what a layout does with the plain forms, which use Ref.
func TestLayout(t *testing.T) {
	t.Parallel()
	checkLayout(t, &Conversations)
	checkLayout(t, &Turns)
	checkLayout(t, &Entities)
	checkLayout(t, &Metrics)
	checkLayout(t, &AudioReferences)
}

func checkLayout[R any](t *testing.T, table *Table[R]) {
	t.Helper()
	rapid.Check(t, func(t *rapid.T) {
		row := drawRow(t, table)
		got, want := table.Append(nil, &row), plainAppend(nil, table, &row)
		if !bytes.Equal(got, want) {
			t.Fatalf("%s: %+v gives %q, want %q", table.Name, row, got, want)
		}
		content := table.layout().appendContent(nil, unsafe.Pointer(&row))
		if want := plainContent(nil, table, &row); !bytes.Equal(content, want) {
			t.Fatalf("%s: the content of %+v is %q, want %q", table.Name, row, content, want)
		}
		decoded, plain := drawRow(t, table), drawRow(t, table)
		rest, err := table.Decode(string(got)+"rest", &decoded)
		plainRead(&decoder{src: string(got)}, table, &plain)
		if err != nil || rest != "rest" || !reflect.DeepEqual(decoded, plain) || !reflect.DeepEqual(decoded, row) {
			t.Fatalf("%s: %q is decoded as %+v with the rest %q, error %v; want %+v", table.Name, got, decoded, rest, err, plain)
		}
	})
}
