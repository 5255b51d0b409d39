package parquet

import (
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"convsync/internal/warehouse"
)

// format describes how the rows of a table are stored in its files.
type format[R any] struct {
	table     *warehouse.Table[R]
	columns   []warehouse.Column[R] // columns stored in the file
	project   func(*R) any          // the project's field, if it is not stored in the file
	schema    *arrow.Schema
	repeating []string // columns with a dictionary
	free      []string // columns of free text, without statistics: no reader can use them
	batch     int      // rows per batch
}

// Limits of batches in memory and of row groups in a file: a number of rows,
// and for large rows a number of bytes.
const (
	batchRows          = 8192
	batchConversations = 1024    // smaller: a conversation has its state
	batchText          = 8 << 20 // bytes
	rowGroupRows       = 131072
	rowGroupBytes      = 64 << 20 // before encoding, approximate
)

// freeText lists the columns of free text, in any table. For the statistics of
// its column the encoder would hold four copies of a large text.
var freeText = []string{
	"note", "summary", "summary_heading", "user_input", "agent_response", "translated_user_input", "english_agent_response", "value",
}

// partitionColumn is stored in the path of a partition, not in its files.
const partitionColumn = "project_id"

var (
	conversations = newFormat(&warehouse.Conversations, batchConversations,
		"account_id", "environment", "channel", "channel_family", "direction", "variant_id", "variant_name",
		"to_number", "language", "deployment_id", "lifecycle", "transcript_status", "handoff_reason",
		"handoff_destination", "api_version", "shape", "run_id")
	turns = newFormat(&warehouse.Turns, batchRows,
		"conversation_id", "user_input_dtmf", "latency_label", "user_language", "agent_language")
	entities        = newFormat(&warehouse.Entities, batchRows, "conversation_id", "name")
	metrics         = newFormat(&warehouse.Metrics, batchRows, "conversation_id", "name", "value")
	audioReferences = newFormat(&warehouse.AudioReferences, batchRows, "direction", "availability")
)

func newFormat[R any](t *warehouse.Table[R], batch int, repeating ...string) *format[R] {
	f := &format[R]{table: t, batch: batch, repeating: repeating}
	spec := t.Spec()
	var fields []arrow.Field
	for i, c := range t.Columns {
		if t.ByStart && c.Name == partitionColumn {
			f.project = c.Ref
			continue
		}
		f.columns = append(f.columns, c)
		fields = append(fields, arrow.Field{
			Name: c.Name, Type: arrowType(spec.Columns[i].Type), Nullable: spec.Columns[i].Nullable,
		})
	}
	for i, c := range t.Columns {
		if spec.Columns[i].Type == warehouse.TypeJSON || slices.Contains(freeText, c.Name) {
			f.free = append(f.free, c.Name)
		}
	}
	f.schema = arrow.NewSchema(fields, nil)
	for _, name := range repeating {
		if !slices.Contains(t.Names(), name) {
			panic("parquet: " + t.Name + " has no column " + name)
		}
	}
	return f
}

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
	panic("parquet: unknown column type " + t.String())
}

// appender returns a function that appends a column's field of a row to b, and
// returns the number of bytes of text that it appended.
func appender[R any](ref func(*R) any, b array.Builder) func(*R) int {
	var row R
	switch ref(&row).(type) {
	case *string:
		b := b.(*array.StringBuilder)
		return func(r *R) int {
			s := *ref(r).(*string)
			b.Append(s)
			return len(s)
		}
	case *warehouse.Text:
		return func(r *R) int { return appendText(b.(*array.StringBuilder), string(*ref(r).(*warehouse.Text))) }
	case *warehouse.JSON:
		return func(r *R) int { return appendText(b.(*array.StringBuilder), string(*ref(r).(*warehouse.JSON))) }
	case *warehouse.List:
		return func(r *R) int { return appendList(b.(*array.ListBuilder), *ref(r).(*warehouse.List)) }
	case *int64:
		return func(r *R) int { b.(*array.Int64Builder).Append(*ref(r).(*int64)); return 0 }
	case *warehouse.Timestamp:
		return func(r *R) int {
			b.(*array.TimestampBuilder).Append(arrow.Timestamp(*ref(r).(*warehouse.Timestamp)))
			return 0
		}
	case *bool:
		return func(r *R) int { b.(*array.BooleanBuilder).Append(*ref(r).(*bool)); return 0 }
	case *warehouse.Null[int64]:
		b := b.(*array.Int64Builder)
		return nullable(b, ref, b.Append)
	case *warehouse.Null[float64]:
		b := b.(*array.Float64Builder)
		return nullable(b, ref, b.Append)
	case *warehouse.Null[bool]:
		b := b.(*array.BooleanBuilder)
		return nullable(b, ref, b.Append)
	case *warehouse.Null[warehouse.Timestamp]:
		b := b.(*array.TimestampBuilder)
		return nullable(b, ref, func(t warehouse.Timestamp) { b.Append(arrow.Timestamp(t)) })
	}
	panic("parquet: unknown field type")
}

func nullable[R, T any](b array.Builder, ref func(*R) any, add func(T)) func(*R) int {
	return func(r *R) int {
		if v := ref(r).(*warehouse.Null[T]); v.Valid {
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

// fill sets a column's field in each row from col. Text aliases the memory of
// col.
func fill[R any](rows []R, ref func(*R) any, col arrow.Array) error {
	for i := range rows {
		if !setField(ref(&rows[i]), col, i) {
			return fmt.Errorf("it has the type %s, not the declared one", col.DataType())
		}
	}
	return nil
}

// setField sets a field that has its zero value. It returns false if col has
// another type.
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
