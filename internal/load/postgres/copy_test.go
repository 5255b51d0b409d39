package postgres

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"convsync/internal/load/loadtest"
	"convsync/internal/warehouse"
)

// FuzzAppendField compares the fields of COPY with the encoding of pgx, for each
// type that a column can have. They differ only for an empty list: pgx writes it with
// one dimension, and the server without one, as we do.
func FuzzAppendField(f *testing.F) {
	f.Add("", int64(0), 0.0, false, false)
	f.Add("a,{\"b\"}\\", int64(math.MinInt64), math.Inf(-1), true, true)
	f.Add("NULL", int64(math.MaxInt64), math.NaN(), false, true)
	f.Add("é😀\u2028", int64(-1), math.Copysign(0, -1), true, true)
	f.Add(strings.Repeat("x", 70_000), int64(253_402_300_799_999_999), math.SmallestNonzeroFloat64, true, true)
	f.Fuzz(func(t *testing.T, text string, n int64, float float64, yes, valid bool) {
		at := warehouse.Timestamp(n)
		nullable := func(v any) any {
			if !valid {
				return nil
			}
			return v
		}
		given := func(v any) any {
			if text == "" {
				return nil
			}
			return v
		}
		list := warehouse.List{text, "", text + `"`}
		for _, c := range []struct {
			oid   uint32
			field any
			same  any
		}{
			{pgtype.TextOID, &text, text},
			{pgtype.TextOID, new(warehouse.Text(text)), given(text)},
			{pgtype.JSONBOID, new(warehouse.JSON(text)), given([]byte(text))},
			{pgtype.TextArrayOID, &list, []string(list)},
			{pgtype.TextArrayOID, new(warehouse.List), nil},
			{pgtype.Int8OID, &n, n},
			{pgtype.Int8OID, &warehouse.Null[int64]{V: n, Valid: valid}, nullable(n)},
			{pgtype.Float8OID, &warehouse.Null[float64]{V: float, Valid: valid}, nullable(float)},
			{pgtype.BoolOID, &yes, yes},
			{pgtype.BoolOID, &warehouse.Null[bool]{V: yes, Valid: valid}, nullable(yes)},
			{pgtype.TimestamptzOID, &at, at.Time()},
			{pgtype.TimestamptzOID, &warehouse.Null[warehouse.Timestamp]{V: at, Valid: valid}, nullable(at.Time())},
		} {
			if got, want := appendField(nil, c.field), encodedByPgx(t, c.oid, c.same); !bytes.Equal(got, want) {
				t.Errorf("%T: %x, pgx has %x", c.field, got, want)
			}
		}
	})
}

// encodedByPgx returns a value as a field of COPY.
func encodedByPgx(t *testing.T, oid uint32, v any) []byte {
	t.Helper()
	encoded, err := pgtype.NewMap().Encode(oid, pgx.BinaryFormatCode, v, []byte{})
	if err != nil {
		t.Fatal(err)
	}
	if encoded == nil { // NULL
		return []byte{0xff, 0xff, 0xff, 0xff}
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(encoded))), encoded...)
}

func TestBinaryTimes(t *testing.T) {
	t.Parallel()
	for _, times := range [][]time.Time{{loadtest.Noon}, {loadtest.Noon, time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC)}} {
		if got, want := binaryTimes(times), encodedByPgx(t, pgtype.TimestamptzArrayOID, times)[4:]; !bytes.Equal(got, want) {
			t.Errorf("%x, pgx has %x", got, want)
		}
	}
}

// The data of a COPY is the same whether it is read in large or small pieces, and
// whether its rows are smaller or larger than the buffer.
func TestCopyData(t *testing.T) {
	t.Parallel()
	c := newCopier(&warehouse.Turns)
	for name, sizes := range map[string][]int{"Small": {0, 1, 2}, "Many": make([]int, 500), "Large": {copyAhead, 3 * copyAhead, 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var rows []any
			want, e := bytes.Clone(copyHeader), encoder{copier: c}
			for i, size := range sizes {
				row := loadtest.Conversation("p", "c-1", loadtest.Noon).Turns[0]
				row.TurnIndex, row.UserInput = int64(i), warehouse.Text(strings.Repeat("é", size))
				rows, want = append(rows, &row), e.appendRow(want, &row)
			}
			want = append(want, copyTrailer...)
			for name, reads := range map[string]func(io.Reader) io.Reader{
				"whole": func(r io.Reader) io.Reader { return r }, "byte": iotest.OneByteReader, "half": iotest.HalfReader,
			} {
				data := newCopyData(c, rows)
				got, err := io.ReadAll(reads(data))
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s: %d bytes, want %d, %v", name, len(got), len(want), err)
				}
				if failed := data.stop(); failed != nil {
					t.Error(failed)
				}
			}
		})
	}
}

// pgconn may still read when a COPY has failed.
func TestCopyData_ReadAfterStop(t *testing.T) {
	t.Parallel()
	data := newCopyData(newCopier(&warehouse.Turns), []any{&warehouse.Turn{}})
	if err := data.stop(); err != nil {
		t.Fatal(err)
	}
	if n, err := data.Read(make([]byte, 100)); n != 0 || err == nil {
		t.Errorf("read %d bytes after the end of the COPY, %v", n, err)
	}
}

func TestCopyRows_Panic(t *testing.T) {
	t.Parallel()
	d, _ := prepared(t)
	err := pgx.BeginFunc(t.Context(), d.pool, func(tx pgx.Tx) error {
		_, err := copyRows(t.Context(), tx, keys, []any{&warehouse.Turn{}})
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "encode a row of conversation_keys: panic") {
		t.Errorf("the error is %v", err)
	}
}
