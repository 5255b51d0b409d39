package warehouse

import (
	"encoding/binary"
	"errors"
	"math"
)

// errShortRow is returned for staged bytes that end within a row.
var errShortRow = errors.New("a staged row is truncated or damaged")

// Append appends the row in a compact binary form, which [Table.Decode] reads.
// Equal rows have equal bytes.
func (t *Table[R]) Append(dst []byte, row *R) []byte {
	for i := range t.Columns {
		dst = appendField(dst, t.Columns[i].Ref(row))
	}
	return dst
}

// Decode reads a row that [Table.Append] wrote and returns the bytes after it.
// Text aliases src, which must not change afterwards.
func (t *Table[R]) Decode(src string, row *R) (rest string, err error) {
	d := decoder{src: src}
	for i := range t.Columns {
		d.field(t.Columns[i].Ref(row))
	}
	if d.failed {
		return "", errShortRow
	}
	return d.src, nil
}

func appendField(dst []byte, field any) []byte {
	switch f := field.(type) {
	case *string:
		return appendText(dst, *f)
	case *Text:
		return appendText(dst, string(*f))
	case *JSON:
		return appendText(dst, string(*f))
	case *List:
		return appendList(dst, *f)
	case *int64:
		return binary.AppendVarint(dst, *f)
	case *Null[int64]:
		if !f.Valid {
			return append(dst, 0)
		}
		return binary.AppendVarint(append(dst, 1), f.V)
	case *Null[float64]:
		if !f.Valid {
			return append(dst, 0)
		}
		return binary.LittleEndian.AppendUint64(append(dst, 1), math.Float64bits(f.V))
	case *bool:
		return append(dst, boolByte(*f))
	case *Null[bool]:
		if !f.Valid {
			return append(dst, 0)
		}
		return append(dst, 1+boolByte(f.V))
	case *Timestamp:
		return binary.AppendVarint(dst, int64(*f))
	case *Null[Timestamp]:
		if !f.Valid {
			return append(dst, 0)
		}
		return binary.AppendVarint(append(dst, 1), int64(f.V))
	}
	panic("warehouse: unknown field type")
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
}

func (d *decoder) field(field any) {
	switch f := field.(type) {
	case *string:
		*f = d.text()
	case *Text:
		*f = Text(d.text())
	case *JSON:
		*f = JSON(d.text())
	case *List:
		*f = d.list()
	case *int64:
		*f = d.varint()
	case *Null[int64]:
		*f = Null[int64]{}
		if d.byte() != 0 {
			*f = Some(d.varint())
		}
	case *Null[float64]:
		*f = Null[float64]{}
		if d.byte() != 0 {
			*f = Some(d.float())
		}
	case *bool:
		*f = d.byte() != 0
	case *Null[bool]:
		*f = Null[bool]{}
		if b := d.byte(); b != 0 {
			*f = Some(b == 2)
		}
	case *Timestamp:
		*f = Timestamp(d.varint())
	case *Null[Timestamp]:
		*f = Null[Timestamp]{}
		if d.byte() != 0 {
			*f = Some(Timestamp(d.varint()))
		}
	default:
		panic("warehouse: unknown field type")
	}
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
	for shift := 0; shift < 64; shift += 7 {
		b := d.byte()
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
	d.failed = true
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
	l := make(List, 0, n-1)
	for range n - 1 {
		l = append(l, d.text())
	}
	return l
}

// Append appends the conversation with all its parts, in the form that
// [Rows.Decode] reads.
func (r *Rows) Append(dst []byte) []byte {
	dst = Conversations.Append(dst, &r.Conversation)
	for _, p := range Parts {
		dst = p.append(dst, r)
	}
	return dst
}

func appendRows[R any](dst []byte, t *Table[R], rows []R) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(rows)))
	for i := range rows {
		dst = t.Append(dst, &rows[i])
	}
	return dst
}

// Decode reads a conversation that [Rows.Append] wrote. It reuses the slices of
// r. The text of the rows aliases src. The digest is not encoded.
func (r *Rows) Decode(src string) error {
	r.Digest = Digest{}
	rest, err := Conversations.Decode(src, &r.Conversation)
	for _, p := range Parts {
		if err == nil {
			rest, err = p.decode(rest, r)
		}
	}
	if err == nil && rest != "" {
		err = errShortRow
	}
	return err
}

func decodeRows[R any](src string, t *Table[R], rows *[]R) (rest string, err error) {
	d := decoder{src: src}
	n := d.uvarint()
	if d.failed || n > uint64(len(d.src)) {
		return "", errShortRow
	}
	rest = d.src
	*rows = (*rows)[:0]
	for range n {
		var row R
		*rows = append(*rows, row)
		if rest, err = t.Decode(rest, &(*rows)[len(*rows)-1]); err != nil {
			return "", err
		}
	}
	return rest, nil
}
