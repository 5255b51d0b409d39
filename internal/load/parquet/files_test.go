package parquet_test

import (
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	allocate "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"convsync/internal/warehouse"
)

// readTable is [readRows] for a table whose type is known.
func readTable[R any](t testing.TB, s *lake, table *warehouse.Table[R]) (rows []R) {
	t.Helper()
	for _, row := range readRows(t, s, table) {
		rows = append(rows, *row.(*R))
	}
	return rows
}

// readRows reads the files of a table, ordered by name, and returns pointers to
// the rows. Other files in its folder are an error.
func readRows(t testing.TB, s *lake, of warehouse.AnyTable) (rows []any) {
	t.Helper()
	table := of.Spec()
	root := filepath.Join(s.path, table.Name)
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		inside, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		path, parts := filepath.ToSlash(path), strings.Split(filepath.ToSlash(inside), "/")
		project, month := "", ""
		if table.ByStart && len(parts) == 3 {
			project, month = value(t, parts[0], "project_id="), value(t, parts[1], "started_month=")
		} else if len(parts) != 1 || parts[0] != "part-0.parquet" {
			t.Errorf("%s lies in a table's folder", path)
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		parsed := s.parsed[path]
		if parsed.info == nil || !os.SameFile(parsed.info, info) || !parsed.info.ModTime().Equal(info.ModTime()) {
			read := readFile(t, path, of)
			for _, row := range read {
				if table.ByStart {
					complete(t, of, row, project, month, parts[2])
				}
			}
			parsed = parsedFile{info, read}
			s.parsed[path] = parsed
		}
		rows = append(rows, parsed.rows...)
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return rows
}

func value(t testing.TB, folder, prefix string) string {
	t.Helper()
	text, ok := strings.CutPrefix(folder, prefix)
	text, err := url.PathUnescape(text)
	if !ok || err != nil {
		t.Errorf("folder %q is no %s…", folder, prefix)
	}
	return text
}

// complete sets the field that is stored in the path, and checks that the row has
// a start within the days of the file's name.
func complete(t testing.TB, table warehouse.AnyTable, row any, project, month, name string) {
	t.Helper()
	spec := table.Spec()
	fields := table.Fields(nil, row, spec.Find("project_id", "started_at"))
	*fields[0].(*string) = project
	start := fields[1].(*warehouse.Timestamp).Time()
	first, last, isRange := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(name, "d"), ".parquet"), "-")
	if !isRange {
		last = first
	}
	if day := start.Format("02"); start.Format("2006-01") != month || day < first || day > last {
		t.Errorf("a row of %s lies under %s/%s", start.Format(time.DateOnly), month, name)
	}
}

func readFile(t testing.TB, path string, of warehouse.AnyTable) []any {
	t.Helper()
	reader, err := file.OpenParquetFile(path, false)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	defer reader.Close()
	arrows, err := pqarrow.NewFileReader(reader, pqarrow.ArrowReadProperties{}, allocate.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	content, err := arrows.ReadTable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer content.Release()
	table := of.Spec()
	rows := make([]any, content.NumRows())
	for i := range rows {
		rows[i] = of.NewRow()
	}
	for i := range table.Columns {
		found := content.Schema().FieldIndices(table.Columns[i].Name)
		if table.ByStart && table.Columns[i].Name == "project_id" {
			continue
		}
		if len(found) != 1 {
			t.Fatalf("%s has %d columns %s", path, len(found), table.Columns[i].Name)
		}
		at := 0
		for _, chunk := range content.Column(found[0]).Data().Chunks() {
			for j := range chunk.Len() {
				set(t, of.Fields(nil, rows[at], []int{i})[0], arrowValue(chunk, j))
				at++
			}
		}
	}
	return rows
}

// arrowValue returns a value as a Go value: nil, string, int64, float64, bool
// or list.
func arrowValue(a arrow.Array, i int) any {
	if a.IsNull(i) {
		return nil
	}
	switch a := a.(type) {
	case *array.String:
		return strings.Clone(a.Value(i))
	case *array.Int64:
		return a.Value(i)
	case *array.Timestamp:
		return int64(a.Value(i))
	case *array.Float64:
		return a.Value(i)
	case *array.Boolean:
		return a.Value(i)
	case *array.List:
		list := []any{}
		from, until := a.ValueOffsets(i)
		for at := from; at < until; at++ {
			list = append(list, arrowValue(a.ListValues(), int(at)))
		}
		return list
	}
	return a.DataType()
}

// set sets a field of any type from such a value.
func set(t testing.TB, field, value any) {
	t.Helper()
	if value == nil {
		return
	}
	f := reflect.ValueOf(field).Elem()
	if f.Kind() == reflect.Struct { // Null
		f.FieldByName("Valid").SetBool(true)
		f = f.FieldByName("V")
	}
	if list, ok := value.([]any); ok {
		f.Set(reflect.MakeSlice(f.Type(), 0, len(list)))
		for _, v := range list {
			f.Set(reflect.Append(f, reflect.ValueOf(v)))
		}
		return
	}
	v := reflect.ValueOf(value)
	if !v.CanConvert(f.Type()) || v.Kind() != f.Kind() && v.Kind() != reflect.Int64 {
		t.Fatalf("%v of type %T cannot be a %s", value, value, f.Type())
	}
	f.Set(v.Convert(f.Type()))
}
