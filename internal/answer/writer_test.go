package answer_test

import (
	"context"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"convsync/internal/answer"
)

// list are rows that a test has.
type list struct {
	columns []answer.Column
	rows    [][]any
	err     error // at the end
}

func (l *list) Columns() []answer.Column { return l.columns }

func (l *list) Next(context.Context) ([]any, error) {
	if len(l.rows) == 0 {
		if l.err != nil {
			return nil, l.err
		}
		return nil, io.EOF
	}
	row := l.rows[0]
	l.rows = l.rows[1:]
	return row, nil
}

func (*list) Close() error { return nil }

var noon = time.Date(2026, 3, 14, 12, 0, 0, 500_000_000, time.UTC)

// all returns a row of each type, and one of NULL.
func all() *list {
	l := &list{rows: [][]any{
		{
			"a|b,\"c\"\n<d>", int64(-9007199254740993), 0.1, "12345678901234567890.5", true, noon, noon,
			time.Date(2026, 3, 14, 0, 0, 0, 0, time.UTC), "2 days 03:00:00", `{"a":1.50}`, `["x",null]`,
		},
		make([]any, 11),
	}}
	for typ := answer.Text; typ <= answer.List; typ++ {
		l.columns = append(l.columns, answer.Column{Name: strings.ReplaceAll(typ.String(), " ", "_"), Type: typ})
	}
	return l
}

func write(t *testing.T, w answer.Writer, rows answer.Rows, limit int) (written int, more bool) {
	t.Helper()
	written, more, err := w.Write(t.Context(), rows, limit)
	if err != nil {
		t.Error(err)
	}
	return written, more
}

func TestWriters(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	for name, test := range map[string]struct {
		writer answer.Writer
		want   string
	}{
		"CSV": {answer.CSV{To: &out}, `text,integer,float,decimal,boolean,timestamp,local_timestamp,date,duration,json,list
"a|b,""c""
<d>",-9007199254740993,0.1,12345678901234567890.5,true,2026-03-14T12:00:00.5Z,2026-03-14T12:00:00.5,2026-03-14,2 days 03:00:00,"{""a"":1.50}","[""x"",null]"
,,,,,,,,,,
`},
		"JSONLines": {answer.JSONLines{To: &out}, `{"text":"a|b,\"c\"\n<d>","integer":-9007199254740993,"float":0.1,"decimal":12345678901234567890.5,"boolean":true,` +
			`"timestamp":"2026-03-14T12:00:00.5Z","local_timestamp":"2026-03-14T12:00:00.5","date":"2026-03-14","duration":"2 days 03:00:00","json":{"a":1.50},"list":["x",null]}
{"text":null,"integer":null,"float":null,"decimal":null,"boolean":null,"timestamp":null,"local_timestamp":null,"date":null,"duration":null,"json":null,"list":null}
`},
		"Markdown": {answer.Markdown{To: &out}, `| text | integer | float | decimal | boolean | timestamp | local_timestamp | date | duration | json | list |
| --- | ---: | ---: | ---: | --- | --- | --- | --- | --- | --- | --- |
| a\|b,"c"<br>&lt;d> | -9007199254740993 | 0.1 | 12345678901234567890.5 | true | 2026-03-14T12:00:00.5Z | 2026-03-14T12:00:00.5 | 2026-03-14 | 2 days 03:00:00 | {"a":1.50} | ["x",null] |
|  |  |  |  |  |  |  |  |  |  |  |
`},
	} {
		out.Reset()
		if n, more := write(t, test.writer, all(), 0); n != 2 || more {
			t.Errorf("%s: %d rows, more: %v", name, n, more)
		}
		if out.String() != test.want {
			t.Errorf("%s: got\n%s, want\n%s", name, &out, test.want)
		}
	}
}

func TestWriters_Limit(t *testing.T) {
	t.Parallel()
	for limit, want := range map[int]struct {
		written int
		more    bool
	}{0: {2, false}, 1: {1, true}, 2: {2, false}, 3: {2, false}} {
		for _, w := range []answer.Writer{
			answer.CSV{To: io.Discard}, answer.JSONLines{To: io.Discard}, answer.Markdown{To: io.Discard}, answer.Table{To: io.Discard},
		} {
			if written, more := write(t, w, all(), limit); written != want.written || more != want.more {
				t.Errorf("%T with a limit of %d: %d rows, more: %v", w, limit, written, more)
			}
		}
	}
}

func TestWriters_Error(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	var out strings.Builder
	for _, w := range []answer.Writer{answer.CSV{To: &out}, answer.JSONLines{To: &out}, answer.Markdown{To: &out}, answer.Table{To: &out}} {
		rows := all()
		rows.err = broken
		out.Reset()
		if written, _, err := w.Write(t.Context(), rows, 0); !errors.Is(err, broken) || written != 2 || !strings.Contains(out.String(), "12345678901234567890.5") {
			t.Errorf("%T: %v after %d rows: %s", w, err, written, &out)
		}
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	rows := func() *list {
		return &list{
			columns: []answer.Column{{Name: "name", Type: answer.Text}, {Name: "n", Type: answer.Integer}, {Name: "said", Type: answer.Text}},
			rows:    [][]any{{"日本", int64(7), "a long line of text that does not fit"}, {nil, int64(1200), "b\tc\nd\x1b"}},
		}
	}
	for name, test := range map[string]struct {
		table answer.Table
		want  string
	}{
		"Wide": {answer.Table{}, "name     n  said\n" +
			"─────────────────────────────────────────────────\n" +
			"日本     7  a long line of text that does not fit\n" +
			"      1200  b c d\n"},
		"Cut": {answer.Table{Width: 30}, "name     n  said\n" +
			"──────────────────────────────\n" +
			"日本     7  a long line of te…\n" +
			"      1200  b c d\n"},
		"Records": {answer.Table{Width: 10}, "── 1 ─\nname  日本\nn     7\nsaid  a long line of text that does not fit\n" +
			"── 2 ─\nname\nn     1200\nsaid  b c d\n"},
	} {
		var out strings.Builder
		test.table.To = &out
		write(t, test.table, rows(), 0)
		if got := strings.TrimRight(out.String(), " "); got != test.want {
			t.Errorf("%s: got\n%s, want\n%s", name, got, test.want)
		}
	}
}

func TestTable_ManyRows(t *testing.T) {
	t.Parallel()
	l := &list{columns: []answer.Column{{Name: "x", Type: answer.Text}}}
	for range 2500 {
		l.rows = append(l.rows, []any{"short"})
	}
	l.rows[2400][0] = "longer than the measured ones"
	var out strings.Builder
	write(t, answer.Table{To: &out, Width: 80}, l, 0)
	if lines := strings.Split(out.String(), "\n"); len(lines) != 2503 || lines[2402] != "long…" {
		t.Errorf("%d lines, %q", len(lines), lines[2402])
	}
}

func TestFormat(t *testing.T) {
	t.Parallel()
	for want, v := range map[string]any{
		"0.1": 0.1, "1e-07": 1e-7, "100000000000000000000": 1e20, "1e+21": 1e21, "0": 0.0, "NaN": math.NaN(), "-Infinity": math.Inf(-1), "infinity": "infinity",
	} {
		if got := answer.Format(answer.Float, v); got != want {
			t.Errorf("%v is %s, want %s", v, got, want)
		}
	}
	for want, v := range map[string][3]int64{
		"00:00:00": {}, "1 year 2 months": {14, 0, 0}, "1 day -00:00:01.5": {0, 1, -1_500_000}, "-2 days": {0, -2, 0}, "100:00:00": {0, 0, 360_000_000_000},
	} {
		if got := answer.FormatInterval(int32(v[0]), int32(v[1]), v[2]); got != want {
			t.Errorf("%v is %s, want %s", v, got, want)
		}
	}
	for digits, want := range map[string]string{"1.50": "1.5", "1.0": "1", "100": "100", "0.00": "0"} {
		if got := answer.TrimDecimal(digits); got != want {
			t.Errorf("%s is %s, want %s", digits, got, want)
		}
	}
}

func TestUniqueNames(t *testing.T) {
	t.Parallel()
	var columns []answer.Column
	for _, name := range []string{"a", "a", "a_2", "b"} {
		columns = append(columns, answer.Column{Name: name})
	}
	if got := strings.Join(answer.UniqueNames(columns), " "); got != "a a_2 a_2_2 b" {
		t.Errorf("got %s", got)
	}
}
