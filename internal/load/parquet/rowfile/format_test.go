package rowfile

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"

	"convsync/internal/warehouse"
)

// The formats of the tests: large batches, and small ones.
var (
	turns         = New(&warehouse.Turns, 8192, "project_id")
	conversations = New(&warehouse.Conversations, 1024, "project_id")
)

func create(t *testing.T, f *Format, path string) *Writer {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := Create(file, f)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// footer writes a file of rows of the format, made by row, and opens it.
func footer[R any](t *testing.T, f *Format, rows int, row func(int) R) *file.Reader {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.parquet")
	w := create(t, f, path)
	for i := range rows {
		r := row(i)
		w.Add(&r)
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := file.OpenParquetFile(path, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func TestFileFormat(t *testing.T) {
	t.Parallel()
	const rows = rowGroupRows + 10
	r := footer(t, turns, rows, func(i int) warehouse.Turn {
		return warehouse.Turn{ConversationID: fmt.Sprint(i / 10), TurnIndex: int64(i % 10), StartedAt: warehouse.Timestamp(i), UserInput: "hello"}
	})
	if n := r.NumRowGroups(); n != 2 || r.RowGroup(0).NumRows() != rowGroupRows || r.NumRows() != rows {
		t.Errorf("%d row groups, the first of %d rows of %d", n, r.RowGroup(0).NumRows(), r.NumRows())
	}
	group := r.MetaData().RowGroup(0)
	for i := range group.NumColumns() {
		c, err := group.ColumnChunk(i)
		if err != nil {
			t.Fatal(err)
		}
		free := slices.Contains(turns.free, c.PathInSchema()[0])
		if set, err := c.StatsSet(); err != nil || set == free || c.Compression() != compress.Codecs.Zstd {
			t.Errorf("%s: statistics = %v (%v), compression = %s", c.PathInSchema(), set, err, c.Compression())
		}
		if name := c.PathInSchema()[0]; c.HasDictionaryPage() != slices.Contains(turns.repeats, name) {
			t.Errorf("%s: has a dictionary = %v", name, c.HasDictionaryPage())
		}
	}
}

func TestColumnsHaveTheirLogicalTypes(t *testing.T) {
	t.Parallel()
	r := footer(t, conversations, 1, func(int) warehouse.Conversation { return warehouse.Conversation{Tags: warehouse.List{"a"}} })
	for path, want := range map[string]string{
		"started_at": "Timestamp(isAdjustedToUTC=true, timeUnit=microseconds", "state": "String", "tags.list.element": "String",
	} {
		schema := r.MetaData().Schema
		i := schema.ColumnIndexByName(path)
		if i < 0 || !strings.HasPrefix(schema.Column(i).LogicalType().String(), want) {
			t.Errorf("column %s (%d) is no %s", path, i, want)
		}
	}
	if r.MetaData().Schema.ColumnIndexByName("project_id") >= 0 {
		t.Error("project_id is in the file")
	}
}

func TestLargeRowsMakeSmallRowGroups(t *testing.T) {
	t.Parallel()
	noise := make([]byte, 1<<20)
	for i, x := 0, uint64(88172645463325252); i < len(noise); i++ {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		noise[i] = 'a' + byte(x%26)
	}
	const rows = 160
	r := footer(t, conversations, rows, func(i int) warehouse.Conversation {
		return warehouse.Conversation{ConversationID: fmt.Sprint(i), Summary: warehouse.Text(noise[i:])}
	})
	if n := r.NumRowGroups(); n != 3 || r.NumRows() != rows {
		t.Errorf("%d rows of 1 MB are in %d row groups", r.NumRows(), n)
	}
	for i := range r.NumRowGroups() {
		if r.RowGroup(i).NumRows() == 0 {
			t.Errorf("row group %d is empty", i)
		}
	}
}
