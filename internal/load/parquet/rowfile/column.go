package rowfile

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"

	"convsync/internal/warehouse"
)

// column encodes and decodes one column of a table. It gathers the fields of a batch and passes
// them to the encoder of the column, without Arrow arrays between them: these
// copied all text once more, and took a quarter of the bytes that a load allocated.
type column interface {
	// write adds the column's fields of all rows to the row group that to belongs to.
	write(to file.ColumnChunkWriter, rows warehouse.Buffer, s *scratch) error
	// read sets the column's fields, which have their zero values, from a column of a
	// file. It returns false if the file has another type. Text aliases the memory of
	// from.
	read(rows warehouse.Buffer, from arrow.Array) bool
	// text returns the size of a field in bytes if it is text, otherwise 0.
	text(field any) int
}

// scratch is the memory of one encoder. The fields of a column are gathered here
// and are copied by the encoder, so that the next column uses it again.
type scratch struct {
	defined  []int16 // definition levels: which fields are not NULL
	repeated []int16 // repetition levels: which elements of lists begin a row
	texts    []parquet.ByteArray
	bytes    []byte // of texts
	ints     []int64
	floats   []float64
	bools    []bool
}

func (s *scratch) reset() {
	s.defined, s.repeated, s.texts, s.bytes = s.defined[:0], s.repeated[:0], s.texts[:0], s.bytes[:0]
	s.ints, s.floats, s.bools = s.ints[:0], s.floats[:0], s.bools[:0]
}

// addText copies a text. If bytes has to grow, earlier texts stay valid: they
// reference its former memory.
func (s *scratch) addText(text string) {
	from := len(s.bytes)
	s.bytes = append(s.bytes, text...)
	s.texts = append(s.texts, s.bytes[from:])
}

// trim releases memory that only large texts need.
func (s *scratch) trim() {
	clear(s.texts[:cap(s.texts)])
	if cap(s.bytes) > batchText {
		s.bytes = nil
	}
}

// newColumn returns the column with an index in the table.
func newColumn(spec *warehouse.ColumnSpec, index int) column {
	switch spec.Type {
	case warehouse.TypeText:
		if spec.Nullable {
			return &textColumn[warehouse.Text]{index, true}
		}
		return &textColumn[string]{index, false}
	case warehouse.TypeJSON:
		return &textColumn[warehouse.JSON]{index, true}
	case warehouse.TypeTextList:
		return listColumn(index)
	case warehouse.TypeInteger:
		return newValues(spec, index, func(s *scratch) *[]int64 { return &s.ints }, func(v int64) int64 { return v }, integers)
	case warehouse.TypeTimestamp:
		return newValues(spec, index, func(s *scratch) *[]int64 { return &s.ints }, func(v warehouse.Timestamp) int64 { return int64(v) }, times)
	case warehouse.TypeFloat:
		return newValues(spec, index, func(s *scratch) *[]float64 { return &s.floats }, func(v float64) float64 { return v }, floats)
	case warehouse.TypeBool:
		return newValues(spec, index, func(s *scratch) *[]bool { return &s.bools }, func(v bool) bool { return v }, booleans)
	}
	panic("rowfile: unknown type of column " + spec.Name)
}

// textColumn is a column of text or JSON, where "" is NULL if it is nullable.
type textColumn[T ~string] struct {
	index    int
	nullable bool
}

func (c *textColumn[T]) text(field any) int { return len(*field.(*T)) }

func (c *textColumn[T]) write(to file.ColumnChunkWriter, rows warehouse.Buffer, s *scratch) error {
	s.reset()
	for i := range rows.Len() {
		text := string(*rows.Field(i, c.index).(*T))
		if c.nullable && text == "" {
			s.defined = append(s.defined, 0)
			continue
		}
		s.defined = append(s.defined, 1)
		s.addText(text)
	}
	_, err := to.(*file.ByteArrayColumnChunkWriter).WriteBatch(s.texts, s.definedIf(c.nullable), nil)
	return err
}

// definedIf returns the definition levels of a nullable column; nil for others,
// which have none.
func (s *scratch) definedIf(nullable bool) []int16 {
	if nullable {
		return s.defined
	}
	return nil
}

// valueColumn is a column of numbers, times or booleans: T in rows, V in the file.
type valueColumn[T, V any] struct {
	index  int
	values func(*scratch) *[]V
	of     func(T) V
	from   func(arrow.Array) func(i int) T // nil: the column has another type
}

// nullableColumn is one with NULL.
type nullableColumn[T, V any] struct{ valueColumn[T, V] }

func newValues[T, V any](spec *warehouse.ColumnSpec, index int, values func(*scratch) *[]V, of func(T) V, from func(arrow.Array) func(int) T) column {
	c := valueColumn[T, V]{index, values, of, from}
	if spec.Nullable {
		return &nullableColumn[T, V]{c}
	}
	return &c
}

// batchWriter is the encoder of a column of values.
type batchWriter[V any] interface {
	WriteBatch(values []V, defined, repeated []int16) (int64, error)
}

func (c *valueColumn[T, V]) text(any) int { return 0 }

func (c *valueColumn[T, V]) write(to file.ColumnChunkWriter, rows warehouse.Buffer, s *scratch) error {
	s.reset()
	values := c.values(s)
	for i := range rows.Len() {
		*values = append(*values, c.of(*rows.Field(i, c.index).(*T)))
	}
	_, err := to.(batchWriter[V]).WriteBatch(*values, nil, nil)
	return err
}

func (c *nullableColumn[T, V]) write(to file.ColumnChunkWriter, rows warehouse.Buffer, s *scratch) error {
	s.reset()
	values := c.values(s)
	for i := range rows.Len() {
		v := rows.Field(i, c.index).(*warehouse.Null[T])
		if !v.Valid {
			s.defined = append(s.defined, 0)
			continue
		}
		s.defined = append(s.defined, 1)
		*values = append(*values, c.of(v.V))
	}
	_, err := to.(batchWriter[V]).WriteBatch(*values, s.defined, nil)
	return err
}

// listColumn is a column of lists of text, by its index.
type listColumn int

// Definition levels of a list.
const (
	nullList  = 0
	emptyList = 1
	element   = 3 // one that is not NULL
)

func (c listColumn) text(field any) (size int) {
	for _, text := range *field.(*warehouse.List) {
		size += len(text)
	}
	return size
}

func (c listColumn) write(to file.ColumnChunkWriter, rows warehouse.Buffer, s *scratch) error {
	s.reset()
	for i := range rows.Len() {
		list := *rows.Field(i, int(c)).(*warehouse.List)
		if len(list) == 0 {
			level := int16(nullList)
			if list != nil {
				level = emptyList
			}
			s.defined, s.repeated = append(s.defined, level), append(s.repeated, 0)
			continue
		}
		for j, text := range list {
			s.defined, s.repeated = append(s.defined, element), append(s.repeated, int16(min(j, 1)))
			s.addText(text)
		}
	}
	_, err := to.(*file.ByteArrayColumnChunkWriter).WriteBatch(s.texts, s.defined, s.repeated)
	return err
}
