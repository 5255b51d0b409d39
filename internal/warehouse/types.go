package warehouse

import "time"

// Text is nullable text: "" is NULL, since only a value that somebody said is
// text. It holds valid UTF-8 without U+0000.
type Text string

// JSON is a nullable JSON document in canonical form (see [Canonical]); "" is NULL.
type JSON string

// List is a nullable list of text: nil is NULL, an empty list is [].
type List []string

// Timestamp is a moment in microseconds since 1970-01-01 UTC.
type Timestamp int64

// TimestampOf cuts t to microseconds.
func TimestampOf(t time.Time) Timestamp { return Timestamp(t.UnixMicro()) }

// Time is the moment in UTC.
func (t Timestamp) Time() time.Time { return time.UnixMicro(int64(t)).UTC() }

// Null is a value that may be NULL.
type Null[T any] struct {
	V     T
	Valid bool
}

// Some is a value that is not NULL.
func Some[T any](v T) Null[T] { return Null[T]{V: v, Valid: true} }

// Type is the type of a column.
type Type uint8

// The types of columns, with what they are in Postgres and in Parquet.
const (
	TypeText      Type = iota + 1 // text; string
	TypeJSON                      // jsonb; string with the JSON text
	TypeInteger                   // bigint; int64
	TypeFloat                     // double precision; double
	TypeBool                      // boolean; boolean
	TypeTimestamp                 // timestamptz; timestamp[us, UTC]
	TypeTextList                  // text[]; list of string
)

var typeNames = map[Type][2]string{
	TypeText:      {"text", "text"},
	TypeJSON:      {"json", "jsonb"},
	TypeInteger:   {"integer", "bigint"},
	TypeFloat:     {"float", "double precision"},
	TypeBool:      {"boolean", "boolean"},
	TypeTimestamp: {"timestamp", "timestamp with time zone"},
	TypeTextList:  {"list of text", "text[]"},
}

// String is the type's name in the data dictionary.
func (t Type) String() string { return typeNames[t][0] }

// Postgres is the type's name in Postgres.
func (t Type) Postgres() string { return typeNames[t][1] }

// typeOf tells the type and the nullability of the field behind a column's pointer.
func typeOf(field any) (t Type, nullable bool) {
	switch field.(type) {
	case *string:
		return TypeText, false
	case *Text:
		return TypeText, true
	case *JSON:
		return TypeJSON, true
	case *List:
		return TypeTextList, true
	case *int64:
		return TypeInteger, false
	case *Null[int64]:
		return TypeInteger, true
	case *Null[float64]:
		return TypeFloat, true
	case *bool:
		return TypeBool, false
	case *Null[bool]:
		return TypeBool, true
	case *Timestamp:
		return TypeTimestamp, false
	case *Null[Timestamp]:
		return TypeTimestamp, true
	}
	panic("warehouse: a column's field has a type that no column can have")
}
