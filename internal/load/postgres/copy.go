package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/jackc/pgx/v5"
)

// A COPY in the binary format begins with copyHeader (signature, flags, no
// extension) and ends with copyTrailer.
var (
	copyHeader  = []byte("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	copyTrailer = []byte{0xff, 0xff}
)

// copyRows copies rows into the table and returns their number. It fails with a
// [*refusal] if the server did not store all of them.
func copyRows(ctx context.Context, tx pgx.Tx, c *copier, rows []any) (n int64, err error) {
	if len(rows) == 0 {
		return 0, nil
	}
	data := newCopyData(c, rows)
	tag, err := tx.Conn().PgConn().CopyFrom(ctx, data, c.statement)
	failed := data.stop()
	n = int64(len(rows))
	switch {
	case failed != nil:
		err = failed
	case err == nil && tag.RowsAffected() != n:
		err = skipped(c.Name)
	}
	return n, err
}

// copyData is an [io.Reader] of the data of a COPY. It encodes rows while they are
// sent: the server stores the first rows while the next ones are encoded, and the
// encoded rows of a batch are never in memory all at once.
type copyData struct {
	encoder
	mu      sync.Mutex
	rows    []any  // not encoded yet
	unread  []byte // encoded, not read yet
	buffer  *[]byte
	trailed bool  // the trailer is encoded
	failed  error // nothing more is encoded
}

// copyAhead is the number of bytes that are encoded at once, unless a row is
// larger. pgconn sends messages of this size.
const copyAhead = 64 << 10

// copyBuffers are buffers of COPY, of up to 2 * copyAhead.
var copyBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 2*copyAhead); return &b }}

var errCopyStopped = errors.New("the COPY has ended")

func newCopyData(c *copier, rows []any) *copyData {
	d := &copyData{encoder: encoder{copier: c}, rows: rows, buffer: copyBuffers.Get().(*[]byte)}
	d.unread = append((*d.buffer)[:0], copyHeader...)
	return d
}

// Read fills p as far as there are rows: each Read becomes a message. It runs in a
// goroutine of pgconn, where a panic would end the process.
func (d *copyData) Read(p []byte) (n int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer func() {
		if reason := recover(); reason != nil {
			d.failed = fmt.Errorf("encode a row of %s: panic: %v", d.Name, reason)
			err = d.failed
		}
	}()
	if d.failed != nil {
		return 0, d.failed
	}
	for n < len(p) {
		if len(d.unread) == 0 && !d.encodeMore() {
			return n, io.EOF
		}
		copied := copy(p[n:], d.unread)
		n, d.unread = n+copied, d.unread[copied:]
	}
	return n, nil
}

// encodeMore encodes the next rows, and reports whether there was anything left.
func (d *copyData) encodeMore() bool {
	if d.trailed {
		return false
	}
	b := (*d.buffer)[:0]
	for len(d.rows) > 0 && len(b) < copyAhead {
		b = d.appendRow(b, d.rows[0])
		d.rows = d.rows[1:]
	}
	if d.trailed = len(d.rows) == 0; d.trailed {
		b = append(b, copyTrailer...)
	}
	*d.buffer, d.unread = b, b
	return true
}

// stop ends the use of the rows and returns why they could not be encoded. If the
// connection broke, pgconn returns from a COPY while another goroutine may still
// read its data.
func (d *copyData) stop() (failed error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	failed, d.failed = d.failed, errCopyStopped
	d.rows, d.unread = nil, nil
	if cap(*d.buffer) <= 2*copyAhead { // otherwise it had a large row
		copyBuffers.Put(d.buffer)
	}
	d.buffer = nil
	return failed
}
