package parquet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

// fileReader reads the rows of one file in order.
type fileReader[R any] struct {
	format  *format[R]
	path    string      // for messages
	info    os.FileInfo // nil: the file did not exist
	parquet *file.Reader
	records pqarrow.RecordReader
	refs    []func(*R) any // by column of the records
	project string         // from the path, not in the file

	rows []R
	at   int
}

// openFile opens a file of a project for reading the named columns, or all of
// them. A file that does not exist has no rows.
func openFile[R any](ctx context.Context, v *view, f *format[R], name, project string, columns ...string) (r *fileReader[R], err error) {
	r = &fileReader[R]{format: f, path: v.lake.path(name), project: project}
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
func (r *fileReader[R]) current() bool {
	now, err := os.Stat(r.path)
	if err != nil {
		return r.info == nil && errors.Is(err, os.ErrNotExist)
	}
	return r.info != nil && os.SameFile(r.info, now)
}

// choose selects those of the named columns that the file has: a file of an
// older version may have fewer.
func (r *fileReader[R]) choose(ctx context.Context, names []string) error {
	// The reader allocates a whole batch at once, and most days are smaller.
	properties := pqarrow.ArrowReadProperties{BatchSize: max(1, min(int64(r.format.batch), r.parquet.NumRows()))}
	arrow, err := pqarrow.NewFileReader(r.parquet, properties, memory.DefaultAllocator)
	if err != nil {
		return err
	}
	wanted := map[string]func(*R) any{}
	for _, c := range r.format.columns {
		wanted[c.Name] = c.Ref
	}
	if len(names) > 0 {
		all := wanted
		wanted = map[string]func(*R) any{}
		for _, name := range names {
			wanted[name] = all[name]
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
		r.refs = append(r.refs, wanted[field.Name])
	}
	return nil
}

// peek returns the next row, nil at the end. The row is valid until the next
// call; its text stays valid.
func (r *fileReader[R]) peek() (*R, error) {
	for r.at == len(r.rows) {
		if more, err := r.read(); err != nil || !more {
			return nil, err
		}
	}
	return &r.rows[r.at], nil
}

// next returns the next row and advances.
func (r *fileReader[R]) next() (*R, error) {
	row, err := r.peek()
	if row != nil {
		r.at++
	}
	return row, err
}

func (r *fileReader[R]) read() (more bool, err error) {
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
	n := int(batch.NumRows())
	if cap(r.rows) < n {
		r.rows = make([]R, n)
	}
	r.rows, r.at = r.rows[:n], 0
	clear(r.rows)
	for i, ref := range r.refs {
		if err := fill(r.rows, ref, batch.Column(i)); err != nil {
			return false, damaged(r.path, fmt.Errorf("column %s: %w", batch.ColumnName(i), err))
		}
	}
	if r.format.project != nil {
		for i := range r.rows {
			*r.format.project(&r.rows[i]).(*string) = r.project
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

func (r *fileReader[R]) close() error {
	if r.records != nil {
		r.records.Release()
	}
	if r.parquet != nil {
		return r.parquet.Close()
	}
	return nil
}
