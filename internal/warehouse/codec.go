package warehouse

import (
	"encoding/binary"
	"errors"
	"math"
	"unsafe"
)

// errShortRow is returned for staged bytes that end within a row.
var errShortRow = errors.New("a staged row is truncated or damaged")

// Append appends the row in a compact binary form, which [Table.Decode] reads.
// Equal rows have equal bytes.
func (t *Table[R]) Append(dst []byte, row *R) []byte {
	return appendFields(dst, t.layout().all, unsafe.Pointer(row))
}

// Decode reads a row that [Table.Append] wrote and returns the bytes after it.
// Text aliases src, which must not change afterwards.
func (t *Table[R]) Decode(src string, row *R) (rest string, err error) {
	d := decoder{src: src}
	readFields(&d, t.layout().all, unsafe.Pointer(row))
	return d.src, d.err()
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendList(dst []byte, l List) []byte {
	if l == nil {
		return append(dst, 0)
	}
	dst = binary.AppendUvarint(dst, uint64(len(l))+1)
	for _, s := range l {
		dst = appendText(dst, s)
	}
	return dst
}

func boolByte(b bool) byte {
	if b {
		return 1
	}
	return 0
}

type decoder struct {
	src    string
	failed bool
	block  []string // of which lists are parts
}

// listBlock is the number of texts of a block.
const listBlock = 16

func (d *decoder) err() error {
	if d.failed {
		return errShortRow
	}
	return nil
}

// take returns the next n bytes, and fails if there are fewer.
func (d *decoder) take(n uint64) string {
	if n > uint64(len(d.src)) {
		d.failed, d.src = true, ""
		return ""
	}
	s := d.src[:n]
	d.src = d.src[n:]
	return s
}

func (d *decoder) byte() byte {
	if s := d.take(1); s != "" {
		return s[0]
	}
	return 0
}

func (d *decoder) uvarint() uint64 {
	var v uint64
	for i := 0; i < len(d.src) && i < binary.MaxVarintLen64; i++ {
		b := d.src[i]
		v |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			d.src = d.src[i+1:]
			return v
		}
	}
	d.failed, d.src = true, ""
	return 0
}

func (d *decoder) varint() int64 {
	u := d.uvarint()
	v := int64(u >> 1)
	if u&1 != 0 {
		v = ^v
	}
	return v
}

func (d *decoder) float() float64 {
	s := d.take(8)
	if len(s) != 8 {
		return 0
	}
	return math.Float64frombits(binary.LittleEndian.Uint64([]byte(s)))
}

func (d *decoder) text() string { return d.take(d.uvarint()) }

func (d *decoder) list() List {
	n := d.uvarint()
	if n == 0 || n-1 > uint64(len(d.src)) { // each element takes at least one byte
		d.failed = d.failed || n != 0
		return nil
	}
	if n--; n == 0 {
		return List{}
	}
	from := len(d.block)
	if uint64(cap(d.block)-from) < n {
		d.block, from = make([]string, 0, max(n, listBlock)), 0
	}
	for range n {
		d.block = append(d.block, d.text())
	}
	return d.block[from:len(d.block):len(d.block)]
}

// Append appends the conversation with all its parts, in the form that
// [Rows.Decode] reads. Project, id and start are appended once, not for each row of a
// part: they would be a third of the bytes.
func (r *Rows) Append(dst []byte) []byte {
	dst = Conversations.Append(dst, &r.Conversation)
	for _, p := range Parts {
		dst = p.append(dst, r)
	}
	return dst
}

func appendRows[R any](dst []byte, t *Table[R], rows []R) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(rows)))
	l := t.layout()
	for i := range rows {
		dst = appendFields(dst, l.own, unsafe.Pointer(&rows[i]))
	}
	return dst
}

// Decode reads a conversation that [Rows.Append] wrote. The parts have its project, id
// and start. It reuses the slices of r. The text of the rows aliases src. The digest
// is not encoded.
func (r *Rows) Decode(src string) error {
	r.Digest = Digest{}
	d := decoder{src: src}
	readFields(&d, Conversations.layout().all, unsafe.Pointer(&r.Conversation))
	for _, p := range Parts {
		p.decode(&d, r)
	}
	if d.src != "" {
		d.failed = true
	}
	return d.err()
}

func decodeRows[R any](d *decoder, t *Table[R], rows *[]R) {
	n := d.uvarint()
	if n > uint64(len(d.src)) { // each row takes at least one byte
		d.failed, d.src = true, ""
		return
	}
	*rows = (*rows)[:0]
	l := t.layout()
	for range n {
		var row R
		*rows = append(*rows, row)
		readFields(d, l.own, unsafe.Pointer(&(*rows)[len(*rows)-1]))
		if d.failed {
			return
		}
	}
}
