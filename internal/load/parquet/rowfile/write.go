package rowfile

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	pq "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

// Info describes a finished file.
type Info struct {
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Writer writes rows of one table to a new file. The caller of Add builds
// arrays, and another goroutine encodes them, so that tables are encoded
// concurrently.
type Writer struct {
	format  *Format
	file    io.WriteCloser
	hash    hash.Hash
	bytes   int64
	parquet *pqarrow.FileWriter

	builder *array.RecordBuilder
	appends []func(field any) int
	fields  []any // of one row
	pending int   // rows in the builder
	text    int   // bytes of text in the builder
	rows    int64

	batches chan arrow.RecordBatch // queue of the encoder
	queued  sync.WaitGroup         // batches that are not encoded yet
	encoded chan error             // result of the encoder
	group   int64                  // bytes in the encoder's current row group
}

// Create returns a writer of a file. The writer closes the file, also if Create
// fails.
func Create(file io.WriteCloser, f *Format) (w *Writer, err error) {
	w = &Writer{
		format:  f,
		file:    file,
		hash:    sha256.New(),
		builder: array.NewRecordBuilder(memory.DefaultAllocator, f.schema),
		batches: make(chan arrow.RecordBatch, 1),
		encoded: make(chan error, 1),
	}
	spec := f.table.Spec()
	for i, c := range f.columns {
		w.appends = append(w.appends, appender(&spec.Columns[c], w.builder.Field(i)))
	}
	w.parquet, err = pqarrow.NewFileWriter(f.schema, (*sink)(w), f.properties(), pqarrow.DefaultWriterProps())
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	go func() { w.encoded <- w.encode() }()
	return w, nil
}

func (f *Format) properties() *pq.WriterProperties {
	options := []pq.WriterProperty{
		pq.WithCompression(compress.Codecs.Zstd), pq.WithCompressionLevel(1),
		pq.WithDictionaryDefault(false), pq.WithMaxRowGroupLength(rowGroupRows),
		pq.WithStats(true), pq.WithCreatedBy("convsync"),
	}
	for _, name := range f.repeats {
		options = append(options, pq.WithDictionaryFor(name, true))
	}
	for _, name := range f.free {
		options = append(options, pq.WithStatsFor(name, false))
	}
	return pq.NewWriterProperties(options...)
}

// sink is the io.Writer for the encoder. It has no Close, because pqarrow would
// close the file after a success, but not after a failed write.
type sink Writer

func (s *sink) Write(p []byte) (int, error) {
	n, err := s.file.Write(p)
	s.hash.Write(p[:n])
	s.bytes += int64(n)
	return n, err
}

// Add adds the row that row points to; its text is copied.
func (w *Writer) Add(row any) {
	w.fields = w.format.table.Fields(w.fields[:0], row, w.format.columns)
	for i, add := range w.appends {
		w.text += add(w.fields[i])
	}
	w.pending++
	if w.pending == w.format.batch || w.text >= batchText {
		w.flush()
	}
}

func (w *Writer) flush() {
	if w.pending == 0 {
		return
	}
	batch := w.builder.NewRecordBatch()
	if w.pending == w.format.batch { // the next one will be about as large
		w.reserve(batch)
	}
	w.queued.Add(1)
	w.batches <- batch
	if w.text >= batchText { // the next one may be as large
		w.queued.Wait()
	}
	w.rows += int64(w.pending)
	w.pending, w.text = 0, 0
}

// reserve makes room for a batch as large as the last one: the builder is empty
// after each batch.
func (w *Writer) reserve(last arrow.RecordBatch) {
	w.builder.Reserve(w.format.batch)
	for i, column := range last.Columns() {
		if texts, ok := column.(*array.String); ok {
			w.builder.Field(i).(*array.StringBuilder).ReserveData(len(texts.ValueBytes()) * 9 / 8)
		}
	}
}

// encode encodes batches until there are no more. After an error it discards
// the remaining ones, so that Add does not block.
func (w *Writer) encode() (err error) {
	for batch := range w.batches {
		if err == nil {
			err = w.encodeBatch(batch)
		}
		batch.Release()
		w.queued.Done()
	}
	return err
}

func (w *Writer) encodeBatch(batch arrow.RecordBatch) error {
	size := int64(0)
	for _, column := range batch.Columns() {
		size += int64(column.Data().SizeInBytes())
	}
	if w.group > 0 && w.group+size > rowGroupBytes {
		if err := w.parquet.NewBufferedRowGroupChecked(); err != nil {
			return err
		}
	}
	if err := w.parquet.WriteBuffered(batch); err != nil {
		return err
	}
	if rows, err := w.parquet.RowGroupNumRows(); err != nil || int64(rows) <= batch.NumRows() {
		w.group = 0 // the batch began a row group
	}
	w.group += size
	return nil
}

// Close finishes the file; the caller syncs it. If the file is incomplete, Close
// returns an error, and the caller removes the file.
func (w *Writer) Close() (Info, error) {
	w.flush()
	close(w.batches)
	err := <-w.encoded
	w.builder.Release()
	// A file that is closed early would be valid, but incomplete.
	err = errors.Join(err, w.parquet.Close())
	if err == nil && int64(w.parquet.NumRows()) != w.rows {
		err = fmt.Errorf("%d of %d rows of %s were written", w.parquet.NumRows(), w.rows, w.format.name)
	}
	err = errors.Join(err, w.file.Close())
	return Info{Rows: w.rows, Bytes: w.bytes, SHA256: hex.EncodeToString(w.hash.Sum(nil))}, err
}

// Abandon gives up the file; the caller removes it.
func (w *Writer) Abandon() {
	close(w.batches)
	<-w.encoded //nolint:errcheck // it is given up in any case
	w.builder.Release()
	_ = w.file.Close()
}
