package rowfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"convsync/internal/warehouse"
)

// Reader reads the rows of one file in order.
type Reader struct {
	format  *Format
	parquet *file.Reader
	records pqarrow.RecordReader
	columns []column // by column of the records
	omitted string   // value of the omitted column

	rows  warehouse.Buffer
	n, at int // rows in the buffer, and the next one
}

// File is an open file. [os.File] implements it.
type File interface {
	io.ReaderAt
	io.Seeker
	io.Closer
}

// Open returns a reader of the named columns of a file, or of all of them. Columns
// that the file does not have are NULL. omitted is the value of the format's
// omitted column. The reader closes the file, also if Open fails.
func Open(ctx context.Context, opened File, f *Format, omitted string, columns ...string) (*Reader, error) {
	r := &Reader{format: f, omitted: omitted, rows: f.table.NewBuffer()}
	if err := r.open(ctx, opened, columns); err != nil {
		if r.parquet == nil { // nothing else closes it
			return nil, errors.Join(err, opened.Close())
		}
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (r *Reader) open(ctx context.Context, opened File, columns []string) (err error) {
	defer recoverPanic(&err)
	if r.parquet, err = file.NewParquetReader(opened); err != nil {
		return err
	}
	return r.choose(ctx, columns)
}

// Has reports whether the column is read and the file has it.
func (r *Reader) Has(column string) bool {
	return len(r.records.Schema().FieldIndices(column)) > 0
}

// choose selects those of the named columns that the file has: a file of an
// older version may have fewer.
func (r *Reader) choose(ctx context.Context, names []string) error {
	// The reader allocates a whole batch at once, and most days are smaller.
	properties := pqarrow.ArrowReadProperties{BatchSize: max(1, min(int64(r.format.batch), rowsAtOnce, r.parquet.NumRows()))}
	arrow, err := pqarrow.NewFileReader(r.parquet, properties, memory.DefaultAllocator)
	if err != nil {
		return err
	}
	wanted := map[string]column{}
	for i, name := range r.format.names {
		if len(names) == 0 || slices.Contains(names, name) {
			wanted[name] = r.format.stored[i]
		}
	}
	schema := r.parquet.MetaData().Schema
	var leaves []int
	for i := range schema.NumColumns() {
		if _, ok := wanted[schema.Column(i).ColumnPath()[0]]; ok {
			leaves = append(leaves, i)
		}
	}
	if r.records, err = arrow.GetRecordReader(ctx, leaves, nil); err != nil {
		return err
	}
	for _, field := range r.records.Schema().Fields() {
		r.columns = append(r.columns, wanted[field.Name])
	}
	return nil
}

// Peek returns a pointer to the next row, nil at the end. The row is valid until
// the next call; its text stays valid.
func (r *Reader) Peek() (row any, err error) {
	for r.at == r.n {
		if more, err := r.read(); err != nil || !more {
			return nil, err
		}
	}
	return r.rows.Row(r.at), nil
}

// Skip advances to the row after the one that [Reader.Peek] returned.
func (r *Reader) Skip() { r.at++ }

// Next returns the next row and advances.
func (r *Reader) Next() (row any, err error) {
	row, err = r.Peek()
	if row != nil {
		r.Skip()
	}
	return row, err
}

func (r *Reader) read() (more bool, err error) {
	defer recoverPanic(&err)
	batch, err := r.records.Read()
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	r.n, r.at = int(batch.NumRows()), 0
	r.rows.Reset(r.n)
	for i, from := range batch.Columns() {
		if !r.columns[i].read(r.rows, from) {
			return false, fmt.Errorf("column %s: it has the type %s, not the declared one", batch.ColumnName(i), from.DataType())
		}
	}
	for _, omitted := range r.format.omitted {
		for i := range r.n {
			*r.rows.Field(i, omitted).(*string) = r.omitted
		}
	}
	return true, nil
}

// recoverPanic turns a panic of the decoder into an error.
func recoverPanic(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%v", p)
	}
}

// Close closes the file.
func (r *Reader) Close() error {
	if r.records != nil {
		r.records.Release()
	}
	if r.parquet != nil {
		return r.parquet.Close()
	}
	return nil
}
