package rowfile

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"convsync/internal/warehouse"
)

// Format describes how the rows of a table are stored in a file.
type Format struct {
	table   warehouse.AnyTable
	name    string
	columns []int // indexes of the columns stored in the file
	names   []string
	omitted []int // index of the column that is not stored in the file, if there is one
	schema  *arrow.Schema
	repeats []string // columns with a dictionary
	free    []string // columns of free text, without statistics: no reader can use them
	batch   int      // rows per batch
}

// Limits of batches in memory and of row groups in a file: besides the number of
// rows per batch, for large rows a number of bytes.
const (
	batchText     = 8 << 20 // bytes
	rowGroupRows  = 131072
	rowGroupBytes = 64 << 20 // before encoding, approximate
)

// New returns the format of a table. The column omit, if it is not "", is not
// stored in the files: a reader is given its value. A batch is encoded and decoded
// as a whole and has at most that many rows.
func New(t warehouse.AnyTable, batch int, omit string) *Format {
	spec := t.Spec()
	f := &Format{table: t, name: spec.Name, batch: batch}
	var fields []arrow.Field
	for i, c := range spec.Columns {
		if c.Name == omit {
			f.omitted = []int{i}
			continue
		}
		f.columns, f.names = append(f.columns, i), append(f.names, c.Name)
		fields = append(fields, arrow.Field{Name: c.Name, Type: arrowType(c.Type), Nullable: c.Nullable})
		if c.Repeats {
			f.repeats = append(f.repeats, c.Name)
		}
		// For the statistics of its column the encoder would hold four copies of a
		// large text.
		if c.FreeText || c.Type == warehouse.TypeJSON {
			f.free = append(f.free, c.Name)
		}
	}
	f.schema = arrow.NewSchema(fields, nil)
	return f
}

// Name returns the name of the table.
func (f *Format) Name() string { return f.name }

func arrowType(t warehouse.Type) arrow.DataType {
	switch t {
	case warehouse.TypeText, warehouse.TypeJSON:
		return arrow.BinaryTypes.String
	case warehouse.TypeInteger:
		return arrow.PrimitiveTypes.Int64
	case warehouse.TypeFloat:
		return arrow.PrimitiveTypes.Float64
	case warehouse.TypeBool:
		return arrow.FixedWidthTypes.Boolean
	case warehouse.TypeTimestamp:
		return arrow.FixedWidthTypes.Timestamp_us
	case warehouse.TypeTextList:
		return arrow.ListOfField(arrow.Field{Name: "element", Type: arrow.BinaryTypes.String, Nullable: true})
	}
	panic("rowfile: unknown column type " + t.String())
}

// appender returns a function that appends a field of a column to b, and returns
// the number of bytes of text that it appended.
func appender(c *warehouse.ColumnSpec, b array.Builder) func(field any) int {
	switch b := b.(type) {
	case *array.StringBuilder:
		switch {
		case c.Type == warehouse.TypeJSON:
			return func(field any) int { return appendText(b, string(*field.(*warehouse.JSON))) }
		case c.Nullable:
			return func(field any) int { return appendText(b, string(*field.(*warehouse.Text))) }
		}
		return func(field any) int {
			s := *field.(*string)
			b.Append(s)
			return len(s)
		}
	case *array.ListBuilder:
		return func(field any) int { return appendList(b, *field.(*warehouse.List)) }
	case *array.Int64Builder:
		return appendValue(c, b, b.Append)
	case *array.Float64Builder:
		return appendValue(c, b, b.Append)
	case *array.BooleanBuilder:
		return appendValue(c, b, b.Append)
	case *array.TimestampBuilder:
		return appendValue(c, b, func(t warehouse.Timestamp) { b.Append(arrow.Timestamp(t)) })
	}
	panic("rowfile: no builder for " + c.Name)
}

func appendValue[T any](c *warehouse.ColumnSpec, b array.Builder, add func(T)) func(field any) int {
	if !c.Nullable {
		return func(field any) int { add(*field.(*T)); return 0 }
	}
	return func(field any) int {
		if v := field.(*warehouse.Null[T]); v.Valid {
			add(v.V)
		} else {
			b.AppendNull()
		}
		return 0
	}
}

func appendText(b *array.StringBuilder, s string) int {
	if s == "" {
		b.AppendNull()
	} else {
		b.Append(s)
	}
	return len(s)
}

func appendList(b *array.ListBuilder, l warehouse.List) (size int) {
	if l == nil {
		b.AppendNull()
		return 0
	}
	b.Append(true)
	values := b.ValueBuilder().(*array.StringBuilder)
	for _, s := range l {
		values.Append(s)
		size += len(s)
	}
	return size
}

// setField sets a field that has its zero value from col. It returns false if col
// has another type. Text aliases the memory of col.
func setField(field any, col arrow.Array, i int) bool {
	if col.IsNull(i) {
		return true
	}
	switch c := col.(type) {
	case *array.String:
		return setText(field, c.Value(i))
	case *array.Int64:
		switch f := field.(type) {
		case *int64:
			*f = c.Value(i)
			return true
		case *warehouse.Null[int64]:
			*f = warehouse.Some(c.Value(i))
			return true
		}
	case *array.Float64:
		f, ok := field.(*warehouse.Null[float64])
		if ok {
			*f = warehouse.Some(c.Value(i))
		}
		return ok
	case *array.Boolean:
		switch f := field.(type) {
		case *bool:
			*f = c.Value(i)
			return true
		case *warehouse.Null[bool]:
			*f = warehouse.Some(c.Value(i))
			return true
		}
	case *array.Timestamp:
		switch f := field.(type) {
		case *warehouse.Timestamp:
			*f = warehouse.Timestamp(c.Value(i))
			return true
		case *warehouse.Null[warehouse.Timestamp]:
			*f = warehouse.Some(warehouse.Timestamp(c.Value(i)))
			return true
		}
	case *array.List:
		return setList(field, c, i)
	}
	return false
}

func setText(field any, s string) bool {
	switch f := field.(type) {
	case *string:
		*f = s
	case *warehouse.Text:
		*f = warehouse.Text(s)
	case *warehouse.JSON:
		*f = warehouse.JSON(s)
	default:
		return false
	}
	return true
}

func setList(field any, col *array.List, i int) bool {
	f, ok := field.(*warehouse.List)
	values, text := col.ListValues().(*array.String)
	if !ok || !text {
		return false
	}
	from, until := col.ValueOffsets(i)
	*f = make(warehouse.List, 0, until-from)
	for at := from; at < until; at++ {
		*f = append(*f, values.Value(int(at)))
	}
	return true
}
