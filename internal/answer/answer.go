package answer

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// Type is the type of a column of an answer.
type Type uint8

// The types, each with the Go type of its values. NULL is nil. A value that the Go
// type cannot hold, such as the time infinity, is a string.
const (
	Text      Type = iota + 1 // string
	Integer                   // int64
	Float                     // float64
	Decimal                   // string: decimal digits, also of integers beyond 64 bits
	Bool                      // bool
	Time                      // time.Time in UTC
	LocalTime                 // time.Time in UTC: date and clock without a time zone
	Date                      // time.Time at midnight in UTC
	Duration                  // string such as "2 days 03:04:05"
	JSON                      // string: the JSON text
	List                      // string: a JSON array
)

var typeNames = map[Type]string{
	Text:      "text",
	Integer:   "integer",
	Float:     "float",
	Decimal:   "decimal",
	Bool:      "boolean",
	Time:      "timestamp",
	LocalTime: "local timestamp",
	Date:      "date",
	Duration:  "duration",
	JSON:      "json",
	List:      "list",
}

// String returns the name of the type.
func (t Type) String() string { return typeNames[t] }

// isNumber reports whether values are aligned to the right.
func (t Type) isNumber() bool { return t == Integer || t == Float || t == Decimal }

// Column is a column of an answer.
type Column struct {
	Name string
	Type Type
}

// Statement is one SQL statement.
type Statement struct {
	SQL string
	// Params are the values of the parameters, which are written $name in the SQL.
	// A value has the type that the SQL expects in its place.
	Params map[string]string
	// Limit is the number of rows after which the caller stops reading; 0: it reads
	// all. A source need not compute more.
	Limit int
	// Conversation is the id of the only conversation whose rows are read; "": any.
	// A source need not open the files of others.
	Conversation string
}

// Rows are the rows of an answer. They are not safe for concurrent use.
type Rows interface {
	Columns() []Column
	// Next returns the next row. [io.EOF] is the end.
	Next(ctx context.Context) ([]any, error)
	// Close ends the statement, also before the last row.
	Close() error
}

// Source answers statements. It changes nothing that is stored.
type Source interface {
	// Ask runs a statement. If the statement is wrong, the error is an [*SQLError].
	// The caller closes the rows before it asks again.
	Ask(ctx context.Context, s Statement) (Rows, error)
	// Objects lists the tables and views that statements can name.
	Objects(ctx context.Context) ([]Object, error)
	// Dialect returns the name of the SQL dialect: "duckdb" or "postgres".
	Dialect() string
	Close() error
}

// Object is a table or a view.
type Object struct {
	Name    string
	View    bool
	Doc     string // what its rows are
	Columns []ObjectColumn
}

// ObjectColumn is a column of a table or a view.
type ObjectColumn struct {
	Name string
	Type string // in the dialect of the source
	Doc  string // what the value means
}

// CheckParams returns an error for a parameter without a value, for a value without a
// parameter, and for a text that is not one, see [CheckText].
func CheckParams(s Statement) error {
	if err := checkTexts(s); err != nil {
		return err
	}
	used := map[string]bool{}
	for _, t := range Lex(s.SQL) {
		if t.Kind != Parameter {
			continue
		}
		name := t.Text[1:]
		used[name] = true
		if _, ok := s.Params[name]; ok {
			continue
		}
		e := &SQLError{SQL: s.SQL, Message: "the parameter $" + name + " has no value", Refused: true}
		if name[0] >= '0' && name[0] <= '9' {
			e.Message, e.Hint = "the parameter $"+name+" has no name", "write parameters as $name"
		}
		e.Line, e.Column = Position(s.SQL, t.Start)
		return e
	}
	for name := range s.Params {
		if !used[name] {
			return &SQLError{SQL: s.SQL, Message: fmt.Sprintf("the statement has no parameter $%s", name), Refused: true}
		}
	}
	return nil
}

// checkTexts checks the text of a statement and the values of its parameters.
func checkTexts(s Statement) error {
	if fault, at := faultOf(s.SQL); fault != "" {
		e := &SQLError{SQL: s.SQL, Message: "the statement " + fault, Hint: "expected SQL in UTF-8", Refused: true}
		e.Line, e.Column = Position(s.SQL, at)
		return e
	}
	for _, name := range slices.Sorted(maps.Keys(s.Params)) {
		if err := CheckText("the value of $"+name, s.Params[name]); err != nil {
			return &SQLError{SQL: s.SQL, Message: err.Error(), Refused: true}
		}
	}
	return nil
}
