package warehouse

import "time"

// Text is nullable text. "" is NULL: an empty value says no more than a missing
// one. Text is valid UTF-8 without U+0000.
type Text string

// JSON is a nullable JSON document in canonical form (see [Canonical]); "" is NULL.
type JSON string

// List is a nullable list of text: nil is NULL, an empty list is [].
type List []string

// Timestamp is a time in microseconds since 1970-01-01 UTC.
type Timestamp int64

// TimestampOf converts t and truncates it to microseconds.
func TimestampOf(t time.Time) Timestamp { return Timestamp(t.UnixMicro()) }

// Time converts t to a time.Time in UTC.
func (t Timestamp) Time() time.Time { return time.UnixMicro(int64(t)).UTC() }

// Null is a value that may be NULL.
type Null[T any] struct {
	V     T
	Valid bool
}

// Some returns a value that is not NULL.
func Some[T any](v T) Null[T] { return Null[T]{V: v, Valid: true} }

// Type is the type of a column.
type Type uint8

// The column types, each with its type in Postgres and in Parquet.
const (
	TypeText      Type = iota + 1 // text; string
	TypeJSON                      // jsonb; string with the JSON text
	TypeInteger                   // bigint; int64
	TypeFloat                     // double precision; double
	TypeBool                      // boolean; boolean
	TypeTimestamp                 // timestamptz; timestamp[us, UTC]
	TypeTextList                  // text[]; list of string
	TypeDigest                    // bytea; in no Parquet table
	TypeDate                      // date; only in views
	TypeLocalTime                 // timestamp without time zone; only in views
)

var typeNames = map[Type][2]string{
	TypeText:      {"text", "text"},
	TypeJSON:      {"json", "jsonb"},
	TypeInteger:   {"integer", "bigint"},
	TypeFloat:     {"float", "double precision"},
	TypeBool:      {"boolean", "boolean"},
	TypeTimestamp: {"timestamp", "timestamp with time zone"},
	TypeTextList:  {"list of text", "text[]"},
	TypeDigest:    {"digest", "bytea"},
	TypeDate:      {"date", "date"},
	TypeLocalTime: {"local time", "timestamp without time zone"},
}

// String returns the name of the type in the data dictionary.
func (t Type) String() string { return typeNames[t][0] }

// Postgres returns the name of the type in Postgres.
func (t Type) Postgres() string { return typeNames[t][1] }

// typeOf returns type and nullability of a column from the pointer to its field.
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
	case *Digest:
		return TypeDigest, true
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
	panic("warehouse: the Go type of a field has no column type")
}
