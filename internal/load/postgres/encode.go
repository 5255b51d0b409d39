package postgres

import (
	"encoding/binary"
	"math"
	"strings"
	"time"

	"convsync/internal/warehouse"
)

// Postgres counts microseconds from 2000-01-01 UTC.
const postgresEpoch = 946_684_800_000_000

// Types of the elements of arrays.
const (
	oidText        = 25
	oidTimestamptz = 1184
)

// copier copies rows into a table, in the binary format of COPY. Rows are passed
// as pointers, as in [warehouse.AnyTable].
type copier struct {
	warehouse.Spec
	table     warehouse.AnyTable
	columns   []int // indexes of all columns
	statement string
}

func newCopier(t warehouse.AnyTable) *copier {
	c := &copier{Spec: t.Spec(), table: t}
	c.columns = c.Find(c.Names()...)
	c.statement = "COPY " + c.Name + " (" + strings.Join(c.Names(), ", ") + ") FROM STDIN (FORMAT binary)"
	return c
}

var keys = newCopier(&conversationKeys)

// encoder encodes rows of a table. It reuses its memory, so each goroutine needs
// its own.
type encoder struct {
	*copier
	fields []any
}

func (e *encoder) appendRow(dst []byte, row any) []byte {
	return e.appendFields(binary.BigEndian.AppendUint16(dst, uint16(len(e.columns))), row, e.columns)
}

func (e *encoder) appendFields(dst []byte, row any, columns []int) []byte {
	e.fields = e.table.Fields(e.fields[:0], row, columns)
	for _, field := range e.fields {
		dst = appendField(dst, field)
	}
	return dst
}

// appendField appends the length and the binary form of a column's field.
func appendField(dst []byte, field any) []byte {
	switch f := field.(type) {
	case *string:
		return appendText(dst, *f)
	case *warehouse.Text:
		if *f == "" {
			return appendNull(dst)
		}
		return appendText(dst, string(*f))
	case *warehouse.JSON:
		if *f == "" {
			return appendNull(dst)
		}
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(*f)+1))
		return append(append(dst, 1), *f...) // version 1 of jsonb's binary form
	case *warehouse.List:
		return appendList(dst, *f)
	case *warehouse.Digest:
		if !f.IsKnown() {
			return appendNull(dst)
		}
		return appendText(dst, string(f[:])) // bytea has the same form
	case *int64:
		return appendInt(dst, *f)
	case *warehouse.Null[int64]:
		if !f.Valid {
			return appendNull(dst)
		}
		return appendInt(dst, f.V)
	case *warehouse.Null[float64]:
		if !f.Valid {
			return appendNull(dst)
		}
		return appendInt(dst, int64(math.Float64bits(f.V)))
	case *bool:
		return appendBool(dst, *f)
	case *warehouse.Null[bool]:
		if !f.Valid {
			return appendNull(dst)
		}
		return appendBool(dst, f.V)
	case *warehouse.Timestamp:
		return appendInt(dst, int64(*f)-postgresEpoch)
	case *warehouse.Null[warehouse.Timestamp]:
		if !f.Valid {
			return appendNull(dst)
		}
		return appendInt(dst, int64(f.V)-postgresEpoch)
	}
	panic("postgres: a column's field has a type that no column can have")
}

func appendNull(dst []byte) []byte { return append(dst, 0xff, 0xff, 0xff, 0xff) }

func appendText(dst []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(s))), s...)
}

func appendInt(dst []byte, v int64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, 0, 0, 0, 8), uint64(v))
}

func appendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, 0, 0, 0, 1, 1)
	}
	return append(dst, 0, 0, 0, 1, 0)
}

// appendList appends a text[].
func appendList(dst []byte, l warehouse.List) []byte {
	if l == nil {
		return appendNull(dst)
	}
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0) // the length, set below
	dst = appendArrayHeader(dst, oidText, len(l))
	for _, s := range l {
		dst = appendText(dst, s)
	}
	binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst
}

// appendArrayHeader appends what precedes the elements of an array: number of
// dimensions, whether there are NULLs, type of the elements, then length and lower
// bound of the one dimension.
func appendArrayHeader(dst []byte, elements uint32, n int) []byte {
	dimensions := uint32(min(n, 1))
	dst = binary.BigEndian.AppendUint32(dst, dimensions)
	dst = binary.BigEndian.AppendUint32(dst, 0)
	dst = binary.BigEndian.AppendUint32(dst, elements)
	if dimensions > 0 {
		dst = binary.BigEndian.AppendUint32(dst, uint32(n))
		dst = binary.BigEndian.AppendUint32(dst, 1)
	}
	return dst
}

// binaryTimes returns a timestamptz[] as a parameter.
func binaryTimes(times []time.Time) []byte {
	dst := appendArrayHeader(nil, oidTimestamptz, len(times))
	for _, t := range times {
		dst = appendInt(dst, t.UnixMicro()-postgresEpoch)
	}
	return dst
}
