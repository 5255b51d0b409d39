package export

import (
	"bufio"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"convsync/internal/load/parquet/rowfile"
	"convsync/internal/warehouse"
)

// The formats of the list.
const (
	CSV     = "csv"
	JSONL   = "jsonl"
	Parquet = "parquet"
)

type adder interface {
	add(row *warehouse.ExportedRecording) error
}

// list writes the rows of an export.
type list interface {
	adder
	// close finishes the list, and abandon gives it up. The caller closes the file.
	close() error
	abandon()
}

// batchRows is the number of rows that the Parquet encoder takes at once.
const batchRows = 8192

// newList begins a list in a file.
func newList(format string, file io.Writer) (list, error) {
	switch format {
	case CSV, JSONL:
		buffered := bufio.NewWriterSize(file, 1<<16)
		if format == JSONL {
			return &flushed{newJSONList(buffered), buffered}, nil
		}
		l, err := newCSVList(buffered)
		return &flushed{l, buffered}, err
	case Parquet:
		return &parquetList{rowfile.Create(notClosed{file}, rowfile.New(&warehouse.ExportedRecordings, batchRows, ""))}, nil
	}
	return nil, fmt.Errorf("format %q is not known: use csv, jsonl or parquet", format)
}

// flushed is a list that is written through a buffer.
type flushed struct {
	adder
	buffer *bufio.Writer
}

func (l *flushed) close() error { return l.buffer.Flush() }

func (l *flushed) abandon() {}

type notClosed struct{ io.Writer }

func (notClosed) Close() error { return nil }

type parquetList struct{ *rowfile.Writer }

func (l *parquetList) add(row *warehouse.ExportedRecording) error {
	l.Add(row)
	return nil
}

func (l *parquetList) close() error {
	_, err := l.Close()
	return err
}

func (l *parquetList) abandon() { l.Abandon() }

// jsonList writes one JSON object per line.
type jsonList struct {
	out  io.Writer
	keys []string // `"name":`, each but the first after a comma
	line []byte
}

func newJSONList(out io.Writer) *jsonList {
	l := &jsonList{out: out}
	for i, name := range warehouse.ExportedRecordings.Names() {
		key, _ := jsontext.AppendQuote([]byte{}, name) // a name is valid UTF-8
		if i > 0 {
			key = append([]byte{','}, key...)
		}
		l.keys = append(l.keys, string(key)+":")
	}
	return l
}

func (l *jsonList) add(row *warehouse.ExportedRecording) error {
	columns := warehouse.ExportedRecordings.Columns
	l.line = append(l.line[:0], '{')
	for i := range columns {
		l.line = append(l.line, l.keys[i]...)
		l.line = appendJSON(l.line, columns[i].Ref(row))
	}
	_, err := l.out.Write(append(l.line, "}\n"...))
	return err
}
