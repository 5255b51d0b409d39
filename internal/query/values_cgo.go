//go:build cgo

package query

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	duckdb "github.com/duckdb/duckdb-go/v2"

	"convsync/internal/answer"
)

var types = map[string]answer.Type{
	"BOOLEAN": answer.Bool,
	"TINYINT": answer.Integer, "SMALLINT": answer.Integer, "INTEGER": answer.Integer, "BIGINT": answer.Integer,
	"UTINYINT": answer.Integer, "USMALLINT": answer.Integer, "UINTEGER": answer.Integer,
	"UBIGINT": answer.Decimal, "HUGEINT": answer.Decimal, "UHUGEINT": answer.Decimal, "BIGNUM": answer.Decimal,
	"FLOAT": answer.Float, "DOUBLE": answer.Float,
	"TIMESTAMPTZ": answer.Time, "TIMESTAMP WITH TIME ZONE": answer.Time, "TIMESTAMP_TZ": answer.Time,
	"TIMESTAMP": answer.LocalTime, "TIMESTAMP_S": answer.LocalTime, "TIMESTAMP_MS": answer.LocalTime, "TIMESTAMP_NS": answer.LocalTime,
	"DATE": answer.Date, "INTERVAL": answer.Duration, "JSON": answer.JSON,
}

// typeOf returns the type of a column from the name of DuckDB's.
func typeOf(name string) answer.Type {
	switch {
	case types[name] != 0:
		return types[name]
	case strings.HasSuffix(name, "]"):
		return answer.List
	case strings.HasPrefix(name, "DECIMAL"):
		return answer.Decimal
	case strings.HasPrefix(name, "STRUCT"), strings.HasPrefix(name, "MAP"), strings.HasPrefix(name, "UNION"):
		return answer.JSON
	}
	return answer.Text
}

// valueOf returns a value of DuckDB as package answer defines it.
func valueOf(t answer.Type, v any) any {
	switch t {
	case answer.JSON, answer.List:
		if text, ok := v.(string); ok || v == nil {
			return orNil(text, ok)
		}
		return answer.JSONText(plainJSON(v))
	}
	switch v := v.(type) {
	case int8:
		return int64(v)
	case int16:
		return int64(v)
	case int32:
		return int64(v)
	case uint8:
		return int64(v)
	case uint16:
		return int64(v)
	case uint32:
		return int64(v)
	case uint64:
		return strconv.FormatUint(v, 10)
	case float32:
		return float64(v)
	case *big.Int:
		return v.String()
	case duckdb.Decimal:
		return answer.TrimDecimal(v.String())
	case duckdb.Interval:
		return answer.FormatInterval(v.Months, v.Days, v.Micros)
	case time.Time:
		if t == answer.Text { // a time of day
			return v.Format("15:04:05.999999")
		}
		return finite(v)
	case []byte:
		return `\x` + hex.EncodeToString(v)
	case nil, bool, int64, float64, string:
		return v
	}
	return fmt.Sprint(v)
}

// finite returns a time in UTC, or the name of the infinite one.
func finite(t time.Time) any {
	const lastDay = math.MaxInt32 * 24 * 60 * 60 // in seconds
	switch {
	case t.UnixMicro() == math.MaxInt64, t.Unix() == lastDay:
		return "infinity"
	case t.UnixMicro() == -math.MaxInt64, t.Unix() == -lastDay:
		return "-infinity"
	}
	return t.UTC()
}

func orNil(text string, ok bool) any {
	if !ok {
		return nil
	}
	return text
}

// plainJSON returns a value that JSON can express.
func plainJSON(v any) any {
	switch v := v.(type) {
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = plainJSON(v[i])
		}
		return list
	case map[string]any:
		object := map[string]any{}
		for k, item := range v {
			object[k] = plainJSON(item)
		}
		return object
	case duckdb.Map:
		object := map[string]any{}
		for k, item := range v {
			object[fmt.Sprint(valueOf(answer.Text, k))] = plainJSON(item)
		}
		return object
	case duckdb.OrderedMap:
		object := map[string]any{}
		for i, k := range v.Keys() {
			object[fmt.Sprint(valueOf(answer.Text, k))] = plainJSON(v.Values()[i])
		}
		return object
	case duckdb.Union:
		return plainJSON(v.Value)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return answer.Format(answer.Float, v)
		}
		return v
	case time.Time:
		return answer.Format(answer.Time, v)
	case duckdb.Decimal, *big.Int:
		return answer.ListItem(answer.Decimal, valueOf(answer.Decimal, v))
	}
	return valueOf(answer.Text, v)
}

func formatUUID(id []byte) string {
	text := hex.EncodeToString(id)
	if len(text) != 32 {
		return text
	}
	return strings.Join([]string{text[:8], text[8:12], text[12:16], text[16:20], text[20:]}, "-")
}
