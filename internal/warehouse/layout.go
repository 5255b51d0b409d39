package warehouse

import (
	"encoding/binary"
	"math"
	"slices"
	"sync"
	"unsafe"
)

// layout says where the rows of a table have the fields of its columns.
//
// Hash, Append and Decode visit each field of each row: some hundred per conversation.
// With a pointer from [Column.Ref] for each of them, half of their time is spent on the
// call and on finding its type. So they read a field by its offset in the row, which
// needs package unsafe. Offset and type are taken from Ref, once per table: a column has
// one declaration, and TestLayout compares every one with it.
type layout struct {
	all     []place // of each column
	content []place // without volatile columns
	own     []place // without those that a part has from its conversation
}

// place is the field of a column: a value of the Go type that kind names, at an offset
// from the beginning of the row.
type place struct {
	offset uintptr
	kind   kind
}

// kind is the Go type of a field. Types with the same memory and the same encoding
// share one.
type kind uint8

const (
	kindText      kind = iota // string, Text
	kindJSON                  // JSON
	kindList                  // List
	kindInt                   // int64, Timestamp
	kindNullInt               // Null[int64], Null[Timestamp]
	kindNullFloat             // Null[float64]
	kindBool                  // bool
	kindNullBool              // Null[bool]
)

// layouts has the layouts by their tables, which are plain declarations and never
// change.
var layouts sync.Map // *Table[R] to *layout

func (t *Table[R]) layout() *layout {
	if known, ok := layouts.Load(t); ok {
		return known.(*layout)
	}
	row, l := new(R), &layout{}
	for i := range t.Columns {
		p := placeOf(unsafe.Pointer(row), t.Columns[i].Ref(row))
		l.all = append(l.all, p)
		if !t.Columns[i].Volatile {
			l.content = append(l.content, p)
		}
		if !slices.Contains(boundColumns[:], t.Columns[i].Name) {
			l.own = append(l.own, p)
		}
	}
	layouts.Store(t, l)
	return l
}

// placeOf returns the field that a pointer from Ref points to, in the row at base.
func placeOf(base unsafe.Pointer, ref any) place {
	at := func(field unsafe.Pointer, k kind) place { return place{uintptr(field) - uintptr(base), k} }
	switch f := ref.(type) {
	case *string:
		return at(unsafe.Pointer(f), kindText)
	case *Text:
		return at(unsafe.Pointer(f), kindText)
	case *JSON:
		return at(unsafe.Pointer(f), kindJSON)
	case *List:
		return at(unsafe.Pointer(f), kindList)
	case *int64:
		return at(unsafe.Pointer(f), kindInt)
	case *Timestamp:
		return at(unsafe.Pointer(f), kindInt)
	case *Null[int64]:
		return at(unsafe.Pointer(f), kindNullInt)
	case *Null[Timestamp]:
		return at(unsafe.Pointer(f), kindNullInt)
	case *Null[float64]:
		return at(unsafe.Pointer(f), kindNullFloat)
	case *bool:
		return at(unsafe.Pointer(f), kindBool)
	case *Null[bool]:
		return at(unsafe.Pointer(f), kindNullBool)
	}
	panic("warehouse: unknown field type")
}

// appendFields appends fields of the row at an address in binary form.
func appendFields(dst []byte, fields []place, row unsafe.Pointer) []byte {
	for _, p := range fields {
		dst = p.append(dst, row)
	}
	return dst
}

// appendContent appends what the content hash covers of the row at an address.
func (l *layout) appendContent(dst []byte, row unsafe.Pointer) []byte {
	for _, p := range l.content {
		if p.kind == kindJSON {
			dst = appendJSONContent(dst, *(*string)(unsafe.Add(row, p.offset)))
		} else {
			dst = p.append(dst, row)
		}
	}
	return dst
}

// readFields decodes fields of the row at an address.
func readFields(d *decoder, fields []place, row unsafe.Pointer) {
	for _, p := range fields {
		p.read(d, row)
	}
}

// append appends the field of a row in binary form.
func (p place) append(dst []byte, row unsafe.Pointer) []byte {
	field := unsafe.Add(row, p.offset)
	switch p.kind {
	case kindText, kindJSON:
		return appendText(dst, *(*string)(field))
	case kindList:
		return appendList(dst, *(*List)(field))
	case kindInt:
		return binary.AppendVarint(dst, *(*int64)(field))
	case kindNullInt:
		if f := (*Null[int64])(field); f.Valid {
			return binary.AppendVarint(append(dst, 1), f.V)
		}
		return append(dst, 0)
	case kindNullFloat:
		if f := (*Null[float64])(field); f.Valid {
			return binary.LittleEndian.AppendUint64(append(dst, 1), math.Float64bits(f.V))
		}
		return append(dst, 0)
	case kindBool:
		return append(dst, boolByte(*(*bool)(field)))
	default: // kindNullBool
		if f := (*Null[bool])(field); f.Valid {
			return append(dst, 1+boolByte(f.V))
		}
		return append(dst, 0)
	}
}

// read sets the field of a row.
func (p place) read(d *decoder, row unsafe.Pointer) {
	field := unsafe.Add(row, p.offset)
	switch p.kind {
	case kindText, kindJSON:
		*(*string)(field) = d.text()
	case kindList:
		*(*List)(field) = d.list()
	case kindInt:
		*(*int64)(field) = d.varint()
	case kindNullInt:
		f := (*Null[int64])(field)
		*f = Null[int64]{}
		if d.byte() != 0 {
			*f = Some(d.varint())
		}
	case kindNullFloat:
		f := (*Null[float64])(field)
		*f = Null[float64]{}
		if d.byte() != 0 {
			*f = Some(d.float())
		}
	case kindBool:
		*(*bool)(field) = d.byte() != 0
	default: // kindNullBool
		f := (*Null[bool])(field)
		*f = Null[bool]{}
		if b := d.byte(); b != 0 {
			*f = Some(b == 2)
		}
	}
}
