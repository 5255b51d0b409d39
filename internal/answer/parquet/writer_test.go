package parquet

import (
	"bytes"
	"context"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"convsync/internal/answer"
)

// list are rows that a test has.
type list struct {
	columns []answer.Column
	rows    [][]any
}

func (l *list) Columns() []answer.Column { return l.columns }

func (l *list) Next(context.Context) ([]any, error) {
	if len(l.rows) == 0 {
		return nil, io.EOF
	}
	row := l.rows[0]
	l.rows = l.rows[1:]
	return row, nil
}

func (*list) Close() error { return nil }

// one are rows of one column.
func one(t answer.Type, values ...any) *list {
	l := &list{columns: []answer.Column{{Name: "a", Type: t}}}
	for _, v := range values {
		l.rows = append(l.rows, []any{v})
	}
	return l
}

// read returns the columns of a file as "name: type", and its values as text.
func read(t *testing.T, text []byte) (columns []string, rows [][]string, groups int) {
	t.Helper()
	opened, err := file.NewParquetReader(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	in, err := pqarrow.NewFileReader(opened, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	table, err := in.ReadTable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer table.Release()
	rows = make([][]string, table.NumRows())
	for i, field := range table.Schema().Fields() {
		columns = append(columns, field.Name+": "+field.Type.String())
		at := 0
		for _, chunk := range table.Column(i).Data().Chunks() {
			for j := range chunk.Len() {
				rows[at] = append(rows[at], chunk.ValueStr(j))
				at++
			}
		}
	}
	return columns, rows, opened.NumRowGroups()
}

func writeOut(t *testing.T, rows answer.Rows, limit int) (text []byte, written int, more bool) {
	t.Helper()
	var out bytes.Buffer
	written, more, err := Writer{To: &out}.Write(t.Context(), rows, limit)
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), written, more
}

func TestWriter(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 3, 14, 12, 0, 0, 123456000, time.UTC)
	l := &list{rows: [][]any{
		{"é\n", int64(-9007199254740993), 0.1, "-12.5", true, noon, noon, time.Date(1969, 12, 31, 0, 0, 0, 0, time.UTC), "2 days", `{"a":1.50}`, `["x"]`},
		make([]any, 11),
		{"", int64(0), math.Inf(1), "12345678901234567890.25", false, noon, noon, noon, "", "{}", "[]"},
	}}
	for typ := answer.Text; typ <= answer.List; typ++ {
		l.columns = append(l.columns, answer.Column{Name: typ.String(), Type: typ})
	}
	l.columns[10].Name = "text"
	text, written, more := writeOut(t, l, 0)
	columns, rows, _ := read(t, text)
	wantColumns := []string{
		"text: utf8", "integer: int64", "float: float64", "decimal: decimal(38, 2)", "boolean: bool", "timestamp: timestamp[us, tz=UTC]",
		"local timestamp: timestamp[us]", "date: date32", "duration: utf8", "json: utf8", "text_2: utf8",
	}
	if !slices.Equal(columns, wantColumns) || written != 3 || more {
		t.Errorf("%d rows with %q", written, columns)
	}
	want := []string{"é\n", "-9007199254740993", "0.1", "-12.5", "true", "2026-03-14T12:00:00.123456Z", "2026-03-14T12:00:00.123456", "1969-12-31", "2 days", `{"a":1.50}`, `["x"]`}
	if !slices.Equal(rows[0], want) {
		t.Errorf("got %q", rows[0])
	}
	if null := slices.Repeat([]string{"(null)"}, 11); !slices.Equal(rows[1], null) {
		t.Errorf("got %q", rows[1])
	}
	if rows[2][2] != "+Inf" || rows[2][3] != "12345678901234567890.25" {
		t.Errorf("got %q", rows[2])
	}
}

func TestWriter_Limit(t *testing.T) {
	t.Parallel()
	for limit, want := range map[int]int{0: 3, 2: 2, 3: 3} {
		for _, typ := range []answer.Type{answer.Text, answer.Decimal} {
			text, written, more := writeOut(t, one(typ, "1", "2", "3"), limit)
			if _, rows, _ := read(t, text); len(rows) != want || written != want || more != (want < 3) {
				t.Errorf("a limit of %d: %d rows, %d written, more: %t", limit, len(rows), written, more)
			}
		}
	}
}

func TestWriter_Decimals(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("9", 38)
	for name, test := range map[string]struct {
		values []any
		typ    string
		want   string
	}{
		"Integers":  {[]any{"1", "-" + long}, "decimal(38, 0)", "1 -" + long},
		"Scales":    {[]any{"0.001", "-0.5", nil, "7"}, "decimal(38, 3)", "0.001 -0.5 (null) 7"},
		"Fraction":  {[]any{"0." + long}, "decimal(38, 38)", "0." + long},
		"Too long":  {[]any{"1" + long}, "utf8", "1" + long},
		"Too wide":  {[]any{long, "0.5"}, "utf8", long + " 0.5"},
		"No number": {[]any{"NaN", "1.5"}, "utf8", "NaN 1.5"},
		"No rows":   {nil, "decimal(38, 0)", ""},
	} {
		text, _, _ := writeOut(t, one(answer.Decimal, test.values...), 0)
		columns, rows, _ := read(t, text)
		var got []string
		for _, row := range rows {
			got = append(got, row[0])
		}
		if columns[0] != "a: "+test.typ || strings.Join(got, " ") != test.want {
			t.Errorf("%s: got %s %s", name, columns[0], got)
		}
	}
}

func TestWriter_Unstorable(t *testing.T) {
	t.Parallel()
	for _, typ := range []answer.Type{answer.Time, answer.LocalTime, answer.Date, answer.Integer, answer.Float, answer.Bool} {
		var out bytes.Buffer
		_, _, err := Writer{To: &out}.Write(t.Context(), one(typ, "infinity"), 0)
		if err == nil || !strings.Contains(err.Error(), "the column a has the "+typ.String()+" infinity, which Parquet cannot store") {
			t.Errorf("%s: %v", typ, err)
		}
	}
}

// A large answer has several batches and row groups.
func TestWriter_Groups(t *testing.T) {
	t.Parallel()
	l := &list{columns: []answer.Column{{Name: "n", Type: answer.Decimal}, {Name: "s", Type: answer.Text}}}
	large := strings.Repeat("x", 1<<20)
	for i := range 2*batchRows + 1 {
		text := "y"
		if i < 40 {
			text = large
		}
		l.rows = append(l.rows, []any{"0.5", text})
	}
	text, written, _ := writeOut(t, l, 0)
	_, rows, groups := read(t, text)
	if len(rows) != written || written != 2*batchRows+1 || groups != 2 {
		t.Errorf("%d rows, %d written, in %d row groups", len(rows), written, groups)
	}
	for i, row := range rows {
		if row[0] != "0.5" || (i < 40) != (row[1] == large) {
			t.Fatalf("row %d is %.20q", i, row)
		}
	}
}
