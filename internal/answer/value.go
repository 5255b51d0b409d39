package answer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// The formats of times. Fractions of a second have only the digits that are needed.
const (
	timeFormat  = "2006-01-02T15:04:05.999999Z07:00"
	localFormat = "2006-01-02T15:04:05.999999"
)

// Format returns a value as text, as it is in CSV. NULL is "".
func Format(t Type, v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return formatFloat(v)
	case bool:
		return strconv.FormatBool(v)
	case time.Time:
		switch t {
		case Date:
			return v.Format(time.DateOnly)
		case LocalTime:
			return v.Format(localFormat)
		default:
			return v.UTC().Format(timeFormat)
		}
	}
	return fmt.Sprint(v)
}

// formatFloat returns the shortest text that has the same value, without an
// exponent unless the number is very large or small.
func formatFloat(v float64) string {
	switch abs := math.Abs(v); {
	case math.IsInf(v, 1):
		return "Infinity"
	case math.IsInf(v, -1):
		return "-Infinity"
	case abs != 0 && (abs < 1e-6 || abs >= 1e21):
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// appendJSON appends a value as JSON. Numbers that JSON cannot express are strings.
func appendJSON(b []byte, t Type, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case int64, bool:
		return append(b, Format(t, v)...)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return append(b, JSONText(formatFloat(v))...)
		}
		return append(b, formatFloat(v)...)
	case string:
		if t == JSON || t == List || t == Decimal && json.Valid([]byte(v)) {
			return append(b, v...)
		}
	}
	return append(b, JSONText(Format(t, v))...)
}

// JSONText returns a value as JSON text, with sorted keys and without escapes that
// only HTML needs. The value must be one that JSON can express.
func JSONText(v any) string {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "null"
	}
	return strings.TrimSuffix(text.String(), "\n")
}

// ListItem returns an item of a list for [JSONText].
func ListItem(t Type, v any) any { return json.RawMessage(appendJSON(nil, t, v)) }

// TrimDecimal removes zeros from the end of the fraction of decimal digits: the two
// engines return different numbers of them.
func TrimDecimal(digits string) string {
	if !strings.Contains(digits, ".") {
		return digits
	}
	return strings.TrimSuffix(strings.TrimRight(digits, "0"), ".")
}

// FormatInterval returns an interval in the form in which both engines read it.
func FormatInterval(months, days int32, micros int64) string {
	var parts []string
	add := func(n int32, unit string) {
		if n == 1 || n == -1 {
			parts = append(parts, fmt.Sprintf("%d %s", n, unit))
		} else if n != 0 {
			parts = append(parts, fmt.Sprintf("%d %ss", n, unit))
		}
	}
	add(months/12, "year")
	add(months%12, "month")
	add(days, "day")
	if micros != 0 || len(parts) == 0 {
		sign := ""
		if micros < 0 {
			sign, micros = "-", -micros
		}
		seconds := micros / 1e6
		clock := fmt.Sprintf("%s%02d:%02d:%02d", sign, seconds/3600, seconds/60%60, seconds%60)
		if rest := micros % 1e6; rest != 0 {
			clock += "." + strings.TrimRight(fmt.Sprintf("%06d", rest), "0")
		}
		parts = append(parts, clock)
	}
	return strings.Join(parts, " ")
}
