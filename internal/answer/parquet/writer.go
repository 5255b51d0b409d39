package parquet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"convsync/internal/answer"
)

// Writer writes rows as a Parquet file, which is complete when Write returns without
// an error. Types are those of package answer: times are microseconds in UTC, a local
// time has no time zone, decimals are decimal(38, s), and JSON, lists and durations
// are text. A column whose name occurs before gets a number.
//
// The number of decimals s is the largest of the column. It is known after the last
// row, so an answer with decimals is first written to a temporary file.
type Writer struct{ To io.Writer }

var _ answer.Writer = Writer{}

// Limits of what is in memory.
const (
	batchRows  = 4096
	batchText  = 8 << 20  // bytes of text in a batch
	groupBytes = 32 << 20 // of a row group, before encoding, approximate
)

// Write implements [answer.Writer].
func (w Writer) Write(ctx context.Context, rows answer.Rows, limit int) (written int, more bool, err error) {
	columns := rows.Columns()
	decimals := newDecimals(columns)
	if len(decimals) == 0 {
		return write(ctx, w.To, rows, limit, decimals)
	}
	spool, err := os.CreateTemp("", "convsync-query-*.parquet")
	if err != nil {
		return 0, false, err
	}
	defer func() { err = errors.Join(err, spool.Close(), os.Remove(spool.Name())) }()
	if written, more, err = write(ctx, spool, rows, limit, decimals); err != nil {
		return written, more, err
	}
	return written, more, rewrite(ctx, w.To, spool, columns, decimals)
}

// write writes rows, with decimals as text, of which it measures the digits.
func write(ctx context.Context, to io.Writer, rows answer.Rows, limit int, decimals map[int]*decimal) (written int, more bool, err error) {
	columns := rows.Columns()
	out, err := newFile(to, schemaOf(columns, nil))
	if err != nil {
		return 0, false, err
	}
	batch := array.NewRecordBuilder(memory.DefaultAllocator, out.schema)
	defer batch.Release()
	n, text := 0, 0
	written, more, err = answer.Each(ctx, rows, limit, func(row []any) error {
		for i, v := range row {
			if s, ok := v.(string); ok {
				text += len(s)
				decimals[i].measure(s)
			}
			if err := appendValue(batch.Field(i), columns[i], v); err != nil {
				return err
			}
		}
		if n++; n < batchRows && text < batchText {
			return nil
		}
		size := text + 8*n*len(columns)
		n, text = 0, 0
		return out.write(batch.NewRecordBatch(), size)
	})
	if err == nil && n > 0 {
		err = out.write(batch.NewRecordBatch(), 0)
	}
	if err != nil {
		return written, more, err
	}
	return written, more, out.parquet.Close()
}

// rewrite copies a file of which the digits of decimals are known now.
func rewrite(ctx context.Context, to io.Writer, from parquet.ReaderAtSeeker, columns []answer.Column, decimals map[int]*decimal) error {
	opened, err := file.NewParquetReader(from)
	if err != nil {
		return err
	}
	in, err := pqarrow.NewFileReader(opened, pqarrow.ArrowReadProperties{BatchSize: batchRows}, memory.DefaultAllocator)
	if err != nil {
		return err
	}
	records, err := in.GetRecordReader(ctx, nil, nil)
	if err != nil {
		return err
	}
	defer records.Release()
	out, err := newFile(to, schemaOf(columns, decimals))
	if err != nil {
		return err
	}
	for records.Next() {
		record := records.RecordBatch()
		values, size := make([]arrow.Array, record.NumCols()), 0
		for i := range values {
			values[i] = record.Column(i)
			if d := decimals[i]; d.fits() {
				values[i] = d.convert(values[i].(*array.String))
			}
			for _, b := range values[i].Data().Buffers() {
				if b != nil {
					size += b.Len()
				}
			}
		}
		if err := out.write(array.NewRecordBatch(out.schema, values, record.NumRows()), size); err != nil {
			return err
		}
	}
	if err := records.Err(); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return out.parquet.Close()
}

// outFile is a file that is written in row groups of a limited size.
type outFile struct {
	schema  *arrow.Schema
	parquet *pqarrow.FileWriter
	size    int // of the row group
}

func newFile(to io.Writer, schema *arrow.Schema) (*outFile, error) {
	properties := parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Zstd), parquet.WithCreatedBy("convsync"))
	// Not the file itself: only its owner closes it.
	out, err := pqarrow.NewFileWriter(schema, struct{ io.Writer }{to}, properties, pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
	return &outFile{schema: schema, parquet: out}, err
}

// write writes a batch, and releases it.
func (f *outFile) write(batch arrow.RecordBatch, size int) error {
	defer batch.Release()
	if f.size += size; f.size > groupBytes {
		f.size = size
		if err := f.parquet.NewBufferedRowGroupChecked(); err != nil {
			return err
		}
	}
	return f.parquet.WriteBuffered(batch)
}

// schemaOf returns the columns of the file. Decimals are text if they are nil.
func schemaOf(columns []answer.Column, decimals map[int]*decimal) *arrow.Schema {
	fields := make([]arrow.Field, len(columns))
	for i, name := range answer.UniqueNames(columns) {
		fields[i] = arrow.Field{Name: name, Type: typeOf(columns[i].Type), Nullable: true}
		if d := decimals[i]; d.fits() {
			fields[i].Type = d.arrowType()
		}
	}
	return arrow.NewSchema(fields, nil)
}

func typeOf(t answer.Type) arrow.DataType {
	switch t {
	case answer.Integer:
		return arrow.PrimitiveTypes.Int64
	case answer.Float:
		return arrow.PrimitiveTypes.Float64
	case answer.Bool:
		return arrow.FixedWidthTypes.Boolean
	case answer.Time:
		return arrow.FixedWidthTypes.Timestamp_us
	case answer.LocalTime:
		return &arrow.TimestampType{Unit: arrow.Microsecond}
	case answer.Date:
		return arrow.FixedWidthTypes.Date32
	}
	return arrow.BinaryTypes.String
}

// unstorable is the error of a value that the type of its column does not have, such as
// the time infinity.
func unstorable(c answer.Column, v any) error {
	return fmt.Errorf("the column %s has the %s %v, which Parquet cannot store: write CAST(%s AS varchar)", c.Name, c.Type, v, c.Name)
}
