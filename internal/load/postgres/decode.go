package postgres

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"convsync/internal/warehouse"
)

var errDamaged = errors.New("the server returned a value in an unexpected format")

// decodeRows decodes the rows of a query for all columns of c. Each row has
// memory of its own.
func decodeRows(found pgx.Rows, c *copier, use func(row any)) error {
	defer found.Close()
	d := decoder{copier: c}
	for found.Next() {
		row, err := d.row(found.RawValues())
		if err != nil {
			return err
		}
		use(row)
	}
	return found.Err()
}

// decodeResult is decodeRows for a result of pgconn.
func decodeResult(found *pgconn.ResultReader, c *copier, use func(row any)) error {
	d := decoder{copier: c}
	for found.NextRow() {
		row, err := d.row(found.Values())
		if err != nil {
			return err
		}
		use(row)
	}
	_, err := found.Close()
	return err
}

// decoder decodes rows of a table. It reuses its memory.
type decoder struct {
	*copier
	fields []any
}

func (d *decoder) row(values [][]byte) (row any, err error) {
	row = d.table.NewRow()
	d.fields = d.table.Fields(d.fields[:0], row, d.columns)
	for i, raw := range values {
		if err := decodeField(raw, d.fields[i]); err != nil {
			return nil, fmt.Errorf("%s.%s: %w", d.Name, d.Columns[i].Name, err)
		}
	}
	return row, nil
}

// decodeField is the reverse of appendField; raw is nil for NULL.
func decodeField(raw []byte, field any) error {
	switch f := field.(type) {
	case *string:
		*f = string(raw)
	case *warehouse.Text:
		*f = warehouse.Text(raw)
	case *warehouse.JSON:
		if raw == nil {
			*f = ""
			return nil
		}
		if len(raw) == 0 || raw[0] != 1 {
			return errDamaged
		}
		*f, _ = warehouse.Canonical(string(raw[1:]))
	case *warehouse.List:
		return decodeList(raw, f)
	case *int64:
		return decodeInt(raw, f)
	case *warehouse.Null[int64]:
		f.Valid = raw != nil
		return decodeNullable(raw, &f.V)
	case *warehouse.Null[float64]:
		var bits int64
		err := decodeNullable(raw, &bits)
		*f = warehouse.Null[float64]{V: math.Float64frombits(uint64(bits)), Valid: raw != nil}
		return err
	case *warehouse.Digest:
		*f = warehouse.Digest{}
		if raw != nil && copy(f[:], raw) != len(raw) {
			return errDamaged
		}
	case *bool:
		return decodeBool(raw, f)
	case *warehouse.Null[bool]:
		if f.Valid = raw != nil; f.Valid {
			return decodeBool(raw, &f.V)
		}
	case *warehouse.Timestamp:
		return decodeTime(raw, f)
	case *warehouse.Null[warehouse.Timestamp]:
		if f.Valid = raw != nil; f.Valid {
			return decodeTime(raw, &f.V)
		}
	default:
		panic("postgres: a column's field has a type that no column can have")
	}
	return nil
}

func decodeNullable(raw []byte, v *int64) error {
	if raw == nil {
		return nil
	}
	return decodeInt(raw, v)
}

func decodeInt(raw []byte, v *int64) error {
	if len(raw) != 8 {
		return errDamaged
	}
	*v = int64(binary.BigEndian.Uint64(raw))
	return nil
}

func decodeTime(raw []byte, t *warehouse.Timestamp) error {
	var v int64
	err := decodeInt(raw, &v)
	*t = warehouse.Timestamp(v + postgresEpoch)
	return err
}

func decodeBool(raw []byte, v *bool) error {
	if len(raw) != 1 {
		return errDamaged
	}
	*v = raw[0] != 0
	return nil
}

func decodeList(raw []byte, l *warehouse.List) error {
	*l = nil
	if raw == nil {
		return nil
	}
	const head, dimension = 12, 8
	if len(raw) < head {
		return errDamaged
	}
	if binary.BigEndian.Uint32(raw) == 0 {
		*l = warehouse.List{}
		return nil
	}
	if binary.BigEndian.Uint32(raw) != 1 || len(raw) < head+dimension {
		return errDamaged
	}
	n := binary.BigEndian.Uint32(raw[head:])
	raw = raw[head+dimension:]
	for range n {
		if len(raw) < 4 {
			return errDamaged
		}
		size := binary.BigEndian.Uint32(raw)
		raw = raw[4:]
		if uint64(size) > uint64(len(raw)) { // NULL as well, which we never write
			return errDamaged
		}
		*l = append(*l, string(raw[:size]))
		raw = raw[size:]
	}
	return nil
}
