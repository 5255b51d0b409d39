package export

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"convsync/internal/warehouse"
)

// timeLayout is RFC 3339 in UTC with microseconds, as the warehouse stores times.
const timeLayout = "2006-01-02T15:04:05.000000Z"

// appendJSON appends the value of a column as JSON.
func appendJSON(dst []byte, field any) []byte {
	switch f := field.(type) {
	case *string:
		return appendQuoted(dst, *f)
	case *warehouse.Text:
		if *f == "" {
			return append(dst, "null"...)
		}
		return appendQuoted(dst, string(*f))
	case *warehouse.Timestamp, *warehouse.Null[warehouse.Timestamp]:
		n := len(dst)
		if dst = appendPlain(append(dst, '"'), field); len(dst) > n+1 {
			return append(dst, '"')
		}
		return append(dst[:n], "null"...)
	}
	n := len(dst)
	if dst = appendPlain(dst, field); len(dst) == n {
		dst = append(dst, "null"...)
	}
	return dst
}

func appendQuoted(dst []byte, text string) []byte {
	// A destination stores valid text only, but a value that was changed by hand must
	// not end the export.
	quoted, err := jsontext.AppendQuote(dst, text)
	if err != nil {
		quoted, _ = jsontext.AppendQuote(dst, strings.ToValidUTF8(text, string(utf8.RuneError)))
	}
	return quoted
}

// appendPlain appends the value of a column that is not text; NULL is empty.
func appendPlain(dst []byte, field any) []byte {
	switch f := field.(type) {
	case *warehouse.Timestamp:
		return appendTime(dst, *f)
	case *warehouse.Null[warehouse.Timestamp]:
		if f.Valid {
			return appendTime(dst, f.V)
		}
		return dst
	case *warehouse.Null[int64]:
		if f.Valid {
			return strconv.AppendInt(dst, f.V, 10)
		}
		return dst
	case *warehouse.Null[float64]:
		if f.Valid {
			return strconv.AppendFloat(dst, f.V, 'f', -1, 64)
		}
		return dst
	case *warehouse.Null[bool]:
		if f.Valid {
			return strconv.AppendBool(dst, f.V)
		}
		return dst
	}
	panic("export: the list has a column of a type that it cannot write")
}

func appendTime(dst []byte, t warehouse.Timestamp) []byte {
	return time.UnixMicro(int64(t)).UTC().AppendFormat(dst, timeLayout)
}
