package parquet

import (
	"math/big"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"convsync/internal/answer"
)

// appendValue adds a value to a column.
func appendValue(to array.Builder, c answer.Column, v any) error {
	if v == nil {
		to.AppendNull()
		return nil
	}
	switch to := to.(type) {
	case *array.StringBuilder:
		to.Append(answer.Format(c.Type, v))
		return nil
	case *array.Int64Builder:
		if v, ok := v.(int64); ok {
			to.Append(v)
			return nil
		}
	case *array.Float64Builder:
		if v, ok := v.(float64); ok {
			to.Append(v)
			return nil
		}
	case *array.BooleanBuilder:
		if v, ok := v.(bool); ok {
			to.Append(v)
			return nil
		}
	case *array.TimestampBuilder:
		if v, ok := v.(time.Time); ok {
			to.Append(arrow.Timestamp(v.UnixMicro()))
			return nil
		}
	case *array.Date32Builder:
		if v, ok := v.(time.Time); ok {
			to.Append(arrow.Date32FromTime(v))
			return nil
		}
	}
	return unstorable(c, v)
}

// decimal is a column of decimals.
type decimal struct {
	whole, scale int  // most digits before and after the point
	other        bool // a value is not a decimal number, such as NaN
}

// mostDigits is the precision that all readers have.
const mostDigits = 38

// newDecimals returns the columns of decimals by their index.
func newDecimals(columns []answer.Column) map[int]*decimal {
	decimals := map[int]*decimal{}
	for i, c := range columns {
		if c.Type == answer.Decimal {
			decimals[i] = &decimal{}
		}
	}
	return decimals
}

// measure counts the digits of a value. d is nil for other columns.
func (d *decimal) measure(text string) {
	if d == nil {
		return
	}
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(text, "-"), ".")
	if whole == "" || strings.Trim(whole+fraction, "0123456789") != "" {
		d.other = true
	}
	d.whole, d.scale = max(d.whole, len(strings.TrimLeft(whole, "0"))), max(d.scale, len(fraction))
}

// fits reports whether all values fit in a decimal of Parquet. Otherwise they are text.
func (d *decimal) fits() bool { return d != nil && !d.other && d.whole+d.scale <= mostDigits }

func (d *decimal) arrowType() *arrow.Decimal128Type {
	return &arrow.Decimal128Type{Precision: mostDigits, Scale: int32(d.scale)}
}

// convert returns decimals of their digits.
func (d *decimal) convert(from *array.String) arrow.Array {
	to := array.NewDecimal128Builder(memory.DefaultAllocator, d.arrowType())
	defer to.Release()
	for i := range from.Len() {
		if from.IsNull(i) {
			to.AppendNull()
			continue
		}
		whole, fraction, _ := strings.Cut(from.Value(i), ".")
		unscaled, _ := new(big.Int).SetString(whole+fraction+strings.Repeat("0", d.scale-len(fraction)), 10) // digits only: see measure
		to.Append(decimal128.FromBigInt(unscaled))
	}
	return to.NewArray()
}
