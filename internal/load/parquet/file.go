package parquet

import (
	"context"
	"errors"
	"os"

	"convsync/internal/load/parquet/rowfile"
	"convsync/internal/warehouse"
)

// fileInfo describes a finished file. It is stored in the manifest.
type fileInfo = rowfile.Info

// Rows per batch, which bounds memory. Conversations are larger: each has its
// state.
const (
	batchRows          = 8192
	batchConversations = 1024
)

// partitionColumn is stored in the path of a partition, not in its files.
const partitionColumn = "project_id"

// newFormat returns the format of the files of a table.
func newFormat(t warehouse.AnyTable, batch int) *rowfile.Format {
	omit := ""
	if t.Spec().ByStart {
		omit = partitionColumn
	}
	return rowfile.New(t, batch, omit)
}

// createFile creates a file of the lake.
func (l *Lake) createFile(f *rowfile.Format, path string) (*rowfile.Writer, error) {
	file, err := l.files.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return nil, err
	}
	return rowfile.Create(file, f), nil
}

// fileReader reads the rows of one file of the lake.
type fileReader struct {
	lake *Lake
	path string          // for messages
	info os.FileInfo     // nil: the file did not exist
	rows *rowfile.Reader // nil: it has no rows
}

// openFile opens a file of a project for reading the named columns, or all of
// them. A file that does not exist has no rows.
func openFile(ctx context.Context, v *view, f *rowfile.Format, name, project string, columns ...string) (*fileReader, error) {
	r := &fileReader{lake: v.lake, path: v.lake.path(name)}
	opened, err := v.open(name)
	if errors.Is(err, os.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, damaged(r.path, err)
	}
	if r.info, err = opened.Stat(); err != nil {
		return nil, errors.Join(damaged(r.path, err), opened.Close())
	}
	if r.rows, err = rowfile.Open(ctx, opened, f, project, columns...); err != nil {
		return nil, damaged(r.path, err)
	}
	return r, nil
}

// current reports whether the opened file is still in its place, or still does
// not exist.
func (r *fileReader) current() bool {
	if r.lake == nil { // it was not to be read
		return true
	}
	now, err := r.lake.files.Stat(r.path)
	if err != nil {
		return r.info == nil && errors.Is(err, os.ErrNotExist)
	}
	return r.info != nil && os.SameFile(r.info, now)
}

// peek returns a pointer to the next row, nil at the end. The row is valid until
// the next call; its text stays valid.
func (r *fileReader) peek() (row any, err error) {
	if r.rows == nil {
		return nil, nil
	}
	if row, err = r.rows.Peek(); err != nil {
		err = damaged(r.path, err)
	}
	return row, err
}

// next returns the next row and advances.
func (r *fileReader) next() (row any, err error) {
	if row, err = r.peek(); row != nil {
		r.rows.Skip()
	}
	return row, err
}

// each calls do with the remaining rows.
func (r *fileReader) each(do func(row any)) error {
	for {
		row, err := r.next()
		if err != nil || row == nil {
			return err
		}
		do(row)
	}
}

func (r *fileReader) close() error {
	if r.rows == nil {
		return nil
	}
	return r.rows.Close()
}
