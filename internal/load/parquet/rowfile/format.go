package rowfile

import (
	"slices"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/apache/arrow-go/v18/parquet/schema"

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
	near    []string // columns that are stored as differences
	free    []string // columns of free text, without statistics: no reader can use them
	batch   int      // rows per batch
	stored  []column // by index of columns and names

	// For writers:
	texts       []column // those of stored that have text
	textIndexes []int    // their indexes in the table
	rowBytes    int64    // of one row without its text
	groupRows   int64
	root        *schema.GroupNode
	properties  *parquet.WriterProperties
	small       *parquet.WriterProperties // of a file with one batch
	batches     sync.Pool                 // batches that no writer uses
}

// Limits of batches in memory and of row groups in a file: besides the number of
// rows per batch, for large rows a number of bytes.
const (
	batchText     = 8 << 20 // bytes
	rowGroupRows  = 131072
	rowGroupBytes = 64 << 20 // before encoding, approximate
	// groupBatches limits a row group as well, so that one of a table with large rows
	// has fewer.
	groupBatches = 32
	// rowsAtOnce is the number of rows that are encoded or decoded at once, if a batch
	// of the format has as many. They fit in a cache of the processor, which reads them
	// once for each column.
	rowsAtOnce = 1024
	// pageBytes is the size of a page before compression. Reader and writer hold one or
	// two of each column, which are most of the live memory of a merge.
	pageBytes = 256 << 10
)

// A reader finds conversations by a Bloom filter: their ids are random, so that
// statistics do not help. A filter is as large as its row group needs, up to a
// size that holds the ids of a row group of conversations.
const (
	filteredColumn   = "conversation_id"
	filterBytes      = 64 << 10
	filterCandidates = 6 // from filterBytes down to smallFilterBytes
	smallFilterBytes = 2 << 10
)

// New returns the format of a table. The column omit, if it is not "", is not
// stored in the files: a reader is given its value. A batch is encoded and decoded
// as a whole and has at most that many rows.
func New(t warehouse.AnyTable, batch int, omit string) *Format {
	spec := t.Spec()
	f := &Format{
		table:     t,
		name:      spec.Name,
		batch:     batch,
		groupRows: int64(min(rowGroupRows, groupBatches*batch)),
	}
	var fields []arrow.Field
	for i, c := range spec.Columns {
		if c.Name == omit {
			f.omitted = []int{i}
			continue
		}
		f.columns, f.names = append(f.columns, i), append(f.names, c.Name)
		fields = append(fields, arrow.Field{Name: c.Name, Type: arrowType(c.Type), Nullable: c.Nullable})
		if c.Repeats {
			f.repeats = append(f.repeats, pathOf(&c))
		}
		if c.Near {
			f.near = append(f.near, c.Name)
		}
		// For the statistics of its column the encoder would hold four copies of a
		// large text.
		if c.FreeText || c.Type == warehouse.TypeJSON {
			f.free = append(f.free, c.Name)
		}
	}
	f.schema = arrow.NewSchema(fields, nil)
	f.forWriters(&spec)
	return f
}

// forWriters prepares what the writers of the format share.
func (f *Format) forWriters(spec *warehouse.Spec) {
	for _, i := range f.columns {
		c := newColumn(&spec.Columns[i], i)
		f.stored = append(f.stored, c)
		switch spec.Columns[i].Type {
		case warehouse.TypeText, warehouse.TypeJSON, warehouse.TypeTextList:
			f.texts, f.textIndexes = append(f.texts, c), append(f.textIndexes, i)
		}
		f.rowBytes += 8
	}
	f.properties = f.newProperties(false)
	f.small = f.newProperties(true)
	converted, err := pqarrow.ToParquet(f.schema, f.properties, pqarrow.DefaultWriterProps())
	if err != nil {
		panic("rowfile: " + err.Error()) // every type of a column has a Parquet type
	}
	f.root = converted.Root()
}

// newBatch returns an empty batch.
func (f *Format) newBatch() *batch {
	if b, ok := f.batches.Get().(*batch); ok {
		return b
	}
	return &batch{rows: f.table.NewBuffer()}
}

// newProperties returns how a file is encoded. A small one, with one batch, has no
// dictionaries: they would cost more than their few values, which zstd finds as well.
func (f *Format) newProperties(small bool) *parquet.WriterProperties {
	filter, candidates := int64(filterBytes), filterCandidates
	if small {
		filter, candidates = smallFilterBytes, 1
	}
	options := []parquet.WriterProperty{
		parquet.WithCompression(compress.Codecs.Zstd), parquet.WithCompressionLevel(compressionLevel),
		parquet.WithDictionaryDefault(false), parquet.WithMaxRowGroupLength(rowGroupRows),
		parquet.WithDataPageSize(pageBytes), parquet.WithStats(true), parquet.WithCreatedBy("convsync"), parquet.WithMaxBloomFilterBytes(filter),
	}
	for _, name := range f.repeats {
		options = append(options, parquet.WithDictionaryFor(name, !small))
	}
	for _, name := range f.near {
		options = append(options, parquet.WithEncodingFor(name, parquet.Encodings.DeltaBinaryPacked))
	}
	for _, name := range f.free {
		options = append(options, parquet.WithStatsFor(name, false))
	}
	if slices.Contains(f.names, filteredColumn) {
		options = append(options,
			parquet.WithBloomFilterEnabledFor(filteredColumn, true), parquet.WithAdaptiveBloomFilterEnabledFor(filteredColumn, true),
			parquet.WithBloomFilterCandidatesFor(filteredColumn, candidates))
	}
	return parquet.NewWriterProperties(options...)
}

// pathOf returns the path of a column in the file.
func pathOf(c *warehouse.ColumnSpec) string {
	if c.Type == warehouse.TypeTextList {
		return c.Name + ".list.element"
	}
	return c.Name
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
