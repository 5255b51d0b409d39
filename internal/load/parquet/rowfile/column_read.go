package rowfile

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"convsync/internal/warehouse"
)

// A batch is read column by column, so that the type of a column is found once and
// not for each of its fields.

// onlyNull reports whether a column has no value, whatever its type.
func onlyNull(col arrow.Array) bool { return col.NullN() == col.Len() }

func (c *textColumn[T]) read(rows warehouse.Buffer, from arrow.Array) bool {
	texts, ok := from.(*array.String)
	if !ok {
		return onlyNull(from)
	}
	for i := range rows.Len() {
		if texts.IsValid(i) {
			*rows.Field(i, c.index).(*T) = T(texts.Value(i))
		}
	}
	return true
}

func (c *valueColumn[T, V]) read(rows warehouse.Buffer, from arrow.Array) bool {
	value := c.from(from)
	if value == nil {
		return onlyNull(from)
	}
	for i := range rows.Len() {
		if from.IsValid(i) {
			*rows.Field(i, c.index).(*T) = value(i)
		}
	}
	return true
}

func (c *nullableColumn[T, V]) read(rows warehouse.Buffer, from arrow.Array) bool {
	value := c.from(from)
	if value == nil {
		return onlyNull(from)
	}
	for i := range rows.Len() {
		if from.IsValid(i) {
			*rows.Field(i, c.index).(*warehouse.Null[T]) = warehouse.Some(value(i))
		}
	}
	return true
}

func integers(col arrow.Array) func(int) int64 {
	if c, ok := col.(*array.Int64); ok {
		return c.Value
	}
	return nil
}

func times(col arrow.Array) func(int) warehouse.Timestamp {
	if c, ok := col.(*array.Timestamp); ok {
		return func(i int) warehouse.Timestamp { return warehouse.Timestamp(c.Value(i)) }
	}
	return nil
}

func floats(col arrow.Array) func(int) float64 {
	if c, ok := col.(*array.Float64); ok {
		return c.Value
	}
	return nil
}

func booleans(col arrow.Array) func(int) bool {
	if c, ok := col.(*array.Boolean); ok {
		return c.Value
	}
	return nil
}

func (c listColumn) read(rows warehouse.Buffer, from arrow.Array) bool {
	lists, ok := from.(*array.List)
	if !ok {
		return onlyNull(from)
	}
	texts, ok := lists.ListValues().(*array.String)
	if !ok {
		return onlyNull(from)
	}
	for i := range rows.Len() {
		if lists.IsNull(i) {
			continue
		}
		first, end := lists.ValueOffsets(i)
		list := make(warehouse.List, 0, end-first)
		for at := first; at < end; at++ {
			list = append(list, texts.Value(int(at)))
		}
		*rows.Field(i, int(c)).(*warehouse.List) = list
	}
	return true
}
