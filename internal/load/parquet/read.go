package parquet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"convsync/internal/warehouse"
)

// fileReader reads the rows of one file in order.
type fileReader struct {
	format  *format
	path    string      // for messages
	info    os.FileInfo // nil: the file did not exist
	parquet *file.Reader
	records pqarrow.RecordReader
	columns []int  // of the table, by column of the records
	project string // from the path, not in the file

	rows   warehouse.Buffer
	n, at  int   // rows in the buffer, and the next one
	fields []any // of one row
}

// openFile opens a file of a project for reading the named columns, or all of
// them. A file that does not exist has no rows.
func openFile(ctx context.Context, v *view, f *format, name, project string, columns ...string) (r *fileReader, err error) {
	r = &fileReader{format: f, path: v.lake.path(name), project: project, rows: f.table.NewBuffer()}
	defer recoverPanic(r.path, &err)
	opened, err := v.open(name)
	if errors.Is(err, os.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, damaged(r.path, err)
	}
	if r.info, err = opened.Stat(); err == nil {
		r.parquet, err = file.NewParquetReader(opened)
	}
	if err != nil {
		return nil, errors.Join(damaged(r.path, err), opened.Close())
	}
	if err := r.choose(ctx, columns); err != nil {
		return nil, errors.Join(damaged(r.path, err), r.close())
	}
	return r, nil
}

// current reports whether the opened file is still in its place, or still does
// not exist.
func (r *fileReader) current() bool {
	now, err := os.Stat(r.path)
	if err != nil {
		return r.info == nil && errors.Is(err, os.ErrNotExist)
	}
	return r.info != nil && os.SameFile(r.info, now)
}

// choose selects those of the named columns that the file has: a file of an
// older version may have fewer.
func (r *fileReader) choose(ctx context.Context, names []string) error {
	// The reader allocates a whole batch at once, and most days are smaller.
	properties := pqarrow.ArrowReadProperties{BatchSize: max(1, min(int64(r.format.batch), r.parquet.NumRows()))}
	arrow, err := pqarrow.NewFileReader(r.parquet, properties, memory.DefaultAllocator)
	if err != nil {
		return err
	}
	wanted := map[string]int{} // index in the table by name
	for i, name := range r.format.names {
		if len(names) == 0 || slices.Contains(names, name) {
			wanted[name] = r.format.columns[i]
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

// peek returns a pointer to the next row, nil at the end. The row is valid until
// the next call; its text stays valid.
func (r *fileReader) peek() (row any, err error) {
	for r.at == r.n {
		if more, err := r.read(); err != nil || !more {
			return nil, err
		}
	}
	return r.rows.Row(r.at), nil
}

// next returns the next row and advances.
func (r *fileReader) next() (row any, err error) {
	row, err = r.peek()
	if row != nil {
		r.at++
	}
	return row, err
}

func (r *fileReader) read() (more bool, err error) {
	if r.records == nil {
		return false, nil
	}
	defer recoverPanic(r.path, &err)
	batch, err := r.records.Read()
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	if err != nil {
		return false, damaged(r.path, err)
	}
	r.n, r.at = int(batch.NumRows()), 0
	r.rows.Reset(r.n)
	columns := batch.Columns()
	for i := range r.n {
		row := r.rows.Row(i)
		r.fields = r.format.table.Fields(r.fields[:0], row, r.columns)
		for j, field := range r.fields {
			if !setField(field, columns[j], i) {
				return false, damaged(r.path, fmt.Errorf("column %s: it has the type %s, not the declared one", batch.ColumnName(j), columns[j].DataType()))
			}
		}
		for _, field := range r.format.table.Fields(r.fields[:0], row, r.format.project) {
			*field.(*string) = r.project
		}
	}
	return true, nil
}

// recoverPanic turns a panic of the decoder into an error of the file.
func recoverPanic(path string, err *error) {
	if p := recover(); p != nil {
		*err = damaged(path, fmt.Errorf("%v", p))
	}
}

func (r *fileReader) close() error {
	if r.records != nil {
		r.records.Release()
	}
	if r.parquet != nil {
		return r.parquet.Close()
	}
	return nil
}
