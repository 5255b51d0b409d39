package rowfile

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"

	"convsync/internal/warehouse"
)

// Info describes a finished file.
type Info struct {
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Writer writes rows of one table to a new file. The caller of Add collects
// batches of rows, and another goroutine encodes them column by column, so that
// tables are encoded concurrently. If all rows are in one batch, Close encodes them.
type Writer struct {
	format *Format
	file   io.WriteCloser
	rows   int64
	group  int64 // rows that were added after the last [Writer.Divide]

	batch   *batch         // that Add fills; nil: none
	full    chan *batch    // queue of the encoder; nil: no batch was full yet
	free    chan *batch    // batches to fill; nil ones are not allocated yet
	queued  sync.WaitGroup // batches that are not encoded yet
	encoded chan error     // result of the encoder
	encoder encoder
}

// batch is a number of rows that are encoded at once.
type batch struct {
	rows warehouse.Buffer
	text int // bytes of text in the rows
	// divide is the number of rows from which a row group ends before this batch;
	// 0: it does not.
	divide int64
}

// batches is the number of batches of a writer: one is filled, one is queued, and
// one is encoded.
const batches = 3

// Create returns a writer of a file. The writer closes the file.
func Create(to io.WriteCloser, f *Format) *Writer {
	return &Writer{
		format:  f,
		file:    to,
		encoder: encoder{format: f, sink: sink{file: to, hash: sha256.New()}},
	}
}

// start starts the encoder.
func (w *Writer) start() {
	w.full, w.free, w.encoded = make(chan *batch, 1), make(chan *batch, batches), make(chan error, 1)
	for range batches - 1 { // the first one is being filled
		w.free <- nil
	}
	go func() { w.encoded <- w.encode() }()
}

// next returns the batch to fill.
func (w *Writer) next() *batch {
	if w.batch == nil && w.full != nil {
		w.batch = <-w.free
	}
	if w.batch == nil {
		w.batch = w.format.newBatch()
	}
	return w.batch
}

// Add adds the row that row points to. Its text and its lists are not copied, and
// must not change until the writer is closed.
func (w *Writer) Add(row any) {
	b := w.next()
	b.rows.Append(row)
	n := b.rows.Len()
	for i, c := range w.format.texts {
		b.text += c.text(b.rows.Field(n-1, w.format.textIndexes[i]))
	}
	if n >= min(w.format.batch, rowsAtOnce) || b.text >= batchText {
		w.flush()
	}
}

// Divide ends the row group before the next row, if it has at least that many
// rows. A reader then skips the rows before or after it by their statistics.
func (w *Writer) Divide(least int64) {
	pending := int64(0)
	if w.batch != nil {
		pending = int64(w.batch.rows.Len())
	}
	if w.group+pending < least {
		return
	}
	w.flush()
	w.group = 0
	w.next().divide = least
}

func (w *Writer) flush() {
	b := w.batch
	if b == nil || b.rows.Len() == 0 {
		return
	}
	w.rows += int64(b.rows.Len())
	w.group += int64(b.rows.Len())
	large := b.text >= batchText
	w.batch = nil
	if w.full == nil {
		w.start()
	}
	w.queued.Add(1)
	w.full <- b
	if large { // the next one may be as large
		w.queued.Wait()
	}
}

// encode encodes batches until there are no more. After an error it discards
// the remaining ones, so that Add does not block.
func (w *Writer) encode() (err error) {
	err = w.encoder.begin(w.format.properties)
	for b := range w.full {
		if err == nil {
			err = w.encoder.encode(b)
		}
		b.reset()
		w.free <- b
		w.queued.Done()
	}
	return err
}

func (b *batch) reset() {
	b.rows.Reset(0)
	b.text, b.divide = 0, 0
}

// Close finishes the file; the caller syncs it. If the file is incomplete, Close
// returns an error, and the caller removes the file.
func (w *Writer) Close() (Info, error) {
	err := w.finish()
	// A file that is closed early would be valid, but incomplete.
	err = errors.Join(err, w.encoder.end())
	if err == nil && int64(w.encoder.parquet.NumRows()) != w.rows {
		err = fmt.Errorf("%d of %d rows of %s were written", w.encoder.parquet.NumRows(), w.rows, w.format.name)
	}
	err = errors.Join(err, w.file.Close())
	return Info{Rows: w.rows, Bytes: w.encoder.sink.bytes, SHA256: hex.EncodeToString(w.encoder.sink.hash.Sum(nil))}, err
}

// finish encodes the last batch.
func (w *Writer) finish() error {
	if w.full != nil {
		w.flush()
		return w.end()
	}
	err := w.encoder.begin(w.format.small)
	if b := w.batch; b != nil {
		w.rows = int64(b.rows.Len())
		if err == nil {
			err = w.encoder.encode(b)
		}
		w.putBack()
	}
	return err
}

// Abandon gives up the file; the caller removes it.
func (w *Writer) Abandon() {
	if w.full != nil {
		_ = w.end() // it is given up in any case
	}
	_ = w.file.Close()
}

// putBack returns the batch that was being filled to the format.
func (w *Writer) putBack() {
	if w.batch != nil {
		w.batch.reset()
		w.format.batches.Put(w.batch)
		w.batch = nil
	}
}

// end waits for the encoder, and returns its batches to the format.
func (w *Writer) end() error {
	close(w.full)
	err := <-w.encoded
	w.putBack()
	close(w.free)
	for b := range w.free {
		if b != nil {
			w.format.batches.Put(b)
		}
	}
	return err
}

// encoder encodes the batches of one file. One goroutine uses it at a time.
type encoder struct {
	format  *Format
	sink    sink
	out     *bufio.Writer // to the sink
	parquet *file.Writer
	group   file.BufferedRowGroupWriter // nil: there is none yet
	rows    int64                       // in the row group
	bytes   int64                       // in the row group, before encoding, approximate
}

// sink is the file that the encoder writes to.
type sink struct {
	file  io.Writer
	hash  hash.Hash
	bytes int64
}

func (s *sink) Write(p []byte) (int, error) {
	n, err := s.file.Write(p)
	s.hash.Write(p[:n])
	s.bytes += int64(n)
	return n, err
}

// sinkBuffer joins the many small writes of a small file.
const sinkBuffer = 64 << 10

// Memory that files use one after another.
var (
	scratches = sync.Pool{New: func() any { return new(scratch) }}
	buffers   = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, sinkBuffer) }}
)

func (e *encoder) begin(properties *parquet.WriterProperties) (err error) {
	e.out = buffers.Get().(*bufio.Writer)
	e.out.Reset(&e.sink)
	// Not the bufio.Writer itself: the file is closed by the writer only.
	e.parquet, err = file.NewParquetWriterWithError(struct{ io.Writer }{e.out}, e.format.root, file.WithWriterProps(properties))
	return err
}

// encode adds the rows of a batch to the row group, or to a new one.
func (e *encoder) encode(b *batch) (err error) {
	defer recoverPanic(&err)
	n := int64(b.rows.Len())
	size := int64(b.text) + n*e.format.rowBytes
	full := e.rows+n > e.format.groupRows || e.bytes+size > rowGroupBytes
	if e.group == nil || full || b.divide > 0 && e.rows >= b.divide {
		if e.group, err = e.parquet.AppendBufferedRowGroupChecked(); err != nil {
			return err
		}
		e.rows, e.bytes = 0, 0
	}
	e.rows, e.bytes = e.rows+n, e.bytes+size
	s := scratches.Get().(*scratch)
	for i, c := range e.format.stored {
		to, err := e.group.Column(i)
		if err == nil {
			err = c.write(to, b.rows, s)
		}
		if err != nil {
			return fmt.Errorf("column %s: %w", e.format.names[i], err)
		}
	}
	s.trim()
	scratches.Put(s)
	return nil
}

// end writes the last row group and the footer.
func (e *encoder) end() (err error) {
	defer recoverPanic(&err)
	err = errors.Join(e.parquet.Close(), e.out.Flush())
	e.out.Reset(nil)
	buffers.Put(e.out)
	return err
}
