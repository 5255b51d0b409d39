package rowfile

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"convsync/internal/warehouse"
)

// sample sets every field of a row to a value that depends on n; every third
// one is empty.
func sample(f *Format, n int64) (row any) {
	row = f.table.NewRow()
	spec := f.table.Spec()
	for i, field := range f.table.Fields(nil, row, spec.Find(spec.Names()...)) {
		setSample(field, n+int64(i))
	}
	return row
}

func setSample(field any, n int64) {
	empty := n%3 == 0
	switch f := field.(type) {
	case *string:
		*f = text(n)
	case *int64:
		*f = n
	case *bool:
		*f = n%2 == 0
	case *warehouse.Timestamp:
		*f = warehouse.Timestamp(n * 1_000_003)
	case *warehouse.List:
		*f = []warehouse.List{nil, {}, {text(n), ""}}[n%3]
	case *warehouse.Text:
		if !empty {
			*f = warehouse.Text(text(n))
		}
	case *warehouse.JSON:
		if !empty {
			*f = `{"a":1.50}`
		}
	case *warehouse.Null[int64]:
		*f = warehouse.Null[int64]{V: n, Valid: true}
		if empty {
			*f = warehouse.Null[int64]{}
		}
	case *warehouse.Null[float64]:
		if !empty {
			*f = warehouse.Some(float64(n) / 4)
		}
	case *warehouse.Null[bool]:
		if !empty {
			*f = warehouse.Some(n%2 == 0)
		}
	case *warehouse.Null[warehouse.Timestamp]:
		if !empty {
			*f = warehouse.Some(warehouse.Timestamp(-n))
		}
	}
}

func text(n int64) string { return []string{"", "é\"", "Ada Example", "x"}[n%4] }

func testRoundTrip(t *testing.T, f *Format) {
	t.Run(f.name, func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "part-0.parquet")
		w := create(t, f, path)
		const rows = 3 * 1024 / 2 // more than one batch of the small ones
		for n := range int64(rows) {
			w.Add(sample(f, n))
		}
		info, err := w.Close()
		if err != nil || info.Rows != rows {
			t.Fatalf("%+v, %v", info, err)
		}
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Open(t.Context(), file, f, "project")
		if err != nil {
			t.Fatal(err)
		}
		for n := range int64(rows) {
			got, err := r.Next()
			if err != nil || got == nil {
				t.Fatalf("row %d: %v", n, err)
			}
			want := sample(f, n)
			*f.table.Fields(nil, want, f.omitted)[0].(*string) = "project" // as in the path
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("row %d came back as %+v, want %+v", n, got, want)
			}
		}
		if end, err := r.Next(); end != nil || err != nil {
			t.Fatalf("after the last row: %v, %v", end, err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestRowsSurviveTheFiles(t *testing.T) {
	t.Parallel()
	for _, m := range warehouse.Members() {
		testRoundTrip(t, New(m, 1024, "project_id"))
	}
}
