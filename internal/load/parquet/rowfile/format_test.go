package rowfile

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"

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
	return Create(file, f)
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
		path := c.PathInSchema().String()
		if c.HasDictionaryPage() != slices.Contains(turns.repeats, path) {
			t.Errorf("%s: has a dictionary = %v", path, c.HasDictionaryPage())
		}
		if slices.Contains(c.Encodings(), parquet.Encodings.DeltaBinaryPacked) != slices.Contains(turns.near, path) {
			t.Errorf("%s: has the encodings %v", path, c.Encodings())
		}
		filter, err := r.GetBloomFilterReader().RowGroup(0)
		if err != nil {
			t.Fatal(err)
		}
		if f, err := filter.GetColumnBloomFilter(i); err != nil || (f != nil) != (path == filteredColumn) {
			t.Errorf("%s: has a Bloom filter = %v (%v)", path, f != nil, err)
		}
	}
}

// A small file has no dictionaries.
func TestFormat_Small(t *testing.T) {
	t.Parallel()
	for rows, has := range map[int]bool{rowsAtOnce - 1: false, rowsAtOnce: true} {
		r := footer(t, turns, rows, func(int) warehouse.Turn { return warehouse.Turn{UserInput: "hello"} })
		c, err := r.MetaData().RowGroup(0).ColumnChunk(slices.Index(turns.names, turns.repeats[0]))
		if err != nil || c.HasDictionaryPage() != has {
			t.Errorf("%d rows have a dictionary = %v, %v", rows, c.HasDictionaryPage(), err)
		}
	}
}

// groups returns the number of rows of each row group.
func groups(r *file.Reader) (rows []int64) {
	for i := range r.NumRowGroups() {
		rows = append(rows, r.RowGroup(i).NumRows())
	}
	return rows
}

func TestWriter_Divide(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file.parquet")
	w := create(t, conversations, path)
	w.Divide(100) // there is no row yet
	for i := range 3000 {
		if i%700 == 0 { // at 700, 1400, 2100 and 2800
			w.Divide(1000)
		}
		w.Add(&warehouse.Conversation{ConversationID: fmt.Sprint(i)})
	}
	w.Divide(1000) // no row follows
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := file.OpenParquetFile(path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got := groups(r); !slices.Equal(got, []int64{1400, 1400, 200}) {
		t.Errorf("row groups of %v rows", got)
	}
}

// TestFormat_Filter checks that the filter of a small file is small, and that it
// has each id and few others.
func TestFormat_Filter(t *testing.T) {
	t.Parallel()
	for rows, most := range map[int]int64{300: 2 << 10, rowsAtOnce - 1: 2 << 10, 5000: 16 << 10} {
		r := footer(t, conversations, rows, func(i int) warehouse.Conversation {
			return warehouse.Conversation{ConversationID: fmt.Sprint("c-", i)}
		})
		group, err := r.GetBloomFilterReader().RowGroup(0)
		if err != nil {
			t.Fatal(err)
		}
		filter, err := group.GetColumnBloomFilter(slices.Index(conversations.names, filteredColumn))
		if err != nil {
			t.Fatal(err)
		}
		if filter.Size() > most {
			t.Errorf("%d rows have a filter of %d bytes", rows, filter.Size())
		}
		typed, others := metadata.TypedBloomFilter[parquet.ByteArray]{BloomFilter: filter}, 0
		for i := range rows {
			if !typed.Check(parquet.ByteArray(fmt.Sprint("c-", i))) {
				t.Fatalf("the filter of %d rows excludes row %d", rows, i)
			}
			if typed.Check(parquet.ByteArray(fmt.Sprint("d-", i))) {
				others++
			}
		}
		if others > rows/25 {
			t.Errorf("the filter of %d rows has %d other ids", rows, others)
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
