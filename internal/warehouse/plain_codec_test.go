package warehouse

import (
	"encoding/binary"
	"math"
)

// The plain forms of what layouts do, against which they are tested: with a pointer from
// Ref to each field.

func plainAppend[R any](dst []byte, t *Table[R], row *R) []byte {
	for i := range t.Columns {
		dst = appendField(dst, t.Columns[i].Ref(row))
	}
	return dst
}

func plainRead[R any](d *decoder, t *Table[R], row *R) {
	for i := range t.Columns {
		d.field(t.Columns[i].Ref(row))
	}
}

func plainContent[R any](dst []byte, t *Table[R], row *R) []byte {
	for i := range t.Columns {
		c := &t.Columns[i]
		if c.Volatile {
			continue
		}
		field := c.Ref(row)
		if j, ok := field.(*JSON); ok {
			dst = appendJSONContent(dst, string(*j))
			continue
		}
		dst = appendField(dst, field)
	}
	return dst
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
