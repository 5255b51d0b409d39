package export

import (
	"bytes"
	"io"
	"strings"

	"convsync/internal/warehouse"
)

// csvPrefix is put before a text that begins with one of csvPrefixed: a spreadsheet
// would otherwise run it as a formula. It is also put before a text that begins with
// itself, so that removing one from each value returns the exact text.
const (
	csvPrefix   = "'"
	csvPrefixed = "=+-@\t\r\n" + csvPrefix
)

// csvList writes the list as CSV of RFC 4180. encoding/csv cannot: it changes line
// ends within values.
type csvList struct {
	out  io.Writer
	line []byte
}

func newCSVList(out io.Writer) (*csvList, error) {
	l := &csvList{out: out}
	for _, name := range warehouse.ExportedRecordings.Names() {
		l.line = append(append(l.line, name...), ',')
	}
	return l, l.end()
}

func (l *csvList) add(row *warehouse.ExportedRecording) error {
	columns := warehouse.ExportedRecordings.Columns
	for i := range columns {
		switch f := columns[i].Ref(row).(type) {
		case *string:
			l.line = appendCSV(l.line, *f)
		case *warehouse.Text:
			l.line = appendCSV(l.line, string(*f))
		default:
			l.line = appendPlain(l.line, f)
		}
		l.line = append(l.line, ',')
	}
	return l.end()
}

// end writes the line, whose last value is followed by a comma.
func (l *csvList) end() error {
	l.line = append(l.line[:len(l.line)-1], "\r\n"...)
	_, err := l.out.Write(l.line)
	l.line = l.line[:0]
	return err
}

// appendCSV appends a text as a value that a spreadsheet shows and does not run.
func appendCSV(dst []byte, text string) []byte {
	if text == "" {
		return dst
	}
	prefix := ""
	if strings.IndexByte(csvPrefixed, text[0]) >= 0 {
		prefix = csvPrefix
	}
	if !strings.ContainsAny(text, "\",\r\n") && text[0] != ' ' && text[len(text)-1] != ' ' {
		return append(append(dst, prefix...), text...)
	}
	dst = append(append(dst, '"'), prefix...)
	dst = append(dst, bytes.ReplaceAll([]byte(text), []byte(`"`), []byte(`""`))...)
	return append(dst, '"')
}
