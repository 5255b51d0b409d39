package parquet

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"sync"

	"convsync/internal/warehouse"
)

// The sync's own state is stored in files of JSON lines, one row per line.
// Members are named after the columns; times are in microseconds; NULL has no
// member.

func appendLine[R any](dst []byte, t *warehouse.Table[R], row *R) ([]byte, error) {
	dst = append(dst, '{')
	first := true
	for i := range t.Columns {
		value := present(t.Columns[i].Ref(row))
		if value == nil {
			continue
		}
		text, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(append(append(dst, '"'), t.Columns[i].Name...), '"', ':')
		dst = append(dst, text...)
	}
	return append(dst, '}', '\n'), nil
}

// present returns the value of a field; nil for NULL.
func present(field any) any {
	switch f := field.(type) {
	case *warehouse.Text:
		if *f == "" {
			return nil
		}
	case *warehouse.Null[int64]:
		return valid(f)
	case *warehouse.Null[float64]:
		return valid(f)
	case *warehouse.Null[bool]:
		return valid(f)
	case *warehouse.Null[warehouse.Timestamp]:
		return valid(f)
	}
	return field
}

func valid[T any](f *warehouse.Null[T]) any {
	if !f.Valid {
		return nil
	}
	return f.V
}

func parseLine[R any](t *warehouse.Table[R], line []byte) (row R, err error) {
	members := reflect.New(membersOf(t))
	if err := json.Unmarshal(line, members.Interface()); err != nil {
		return row, err
	}
	for i := range t.Columns {
		if member := members.Elem().Field(i); !member.IsNil() {
			reflect.ValueOf(target(t.Columns[i].Ref(&row))).Elem().Set(member.Elem())
		}
	}
	return row, nil
}

var membersTypes sync.Map // by table

// membersOf returns a struct type with a member per column, a pointer that is
// nil if the column has no value. Decoding into a map takes twice as long.
func membersOf[R any](t *warehouse.Table[R]) reflect.Type {
	if known, ok := membersTypes.Load(t); ok {
		return known.(reflect.Type)
	}
	fields := make([]reflect.StructField, len(t.Columns))
	for i := range t.Columns {
		fields[i] = reflect.StructField{
			Name: fmt.Sprint("Column", i), Tag: reflect.StructTag(`json:"` + t.Columns[i].Name + `"`),
			Type: reflect.TypeOf(target(t.Columns[i].Ref(new(R)))),
		}
	}
	made := reflect.StructOf(fields)
	membersTypes.Store(t, made)
	return made
}

// parseSome parses the columns of the table, which are some of the line's. It
// stops after the last of them.
func parseSome[R any](t *warehouse.Table[R], line []byte) (row R, err error) {
	members := json.NewDecoder(bytes.NewReader(line))
	if _, err := members.Token(); err != nil { // the brace
		return row, err
	}
	for left := len(t.Columns); left > 0 && members.More(); {
		name, err := members.Token()
		if err != nil {
			return row, err
		}
		into := any(&json.RawMessage{})
		if i := slices.IndexFunc(t.Columns, func(c warehouse.Column[R]) bool { return c.Name == name }); i >= 0 {
			into = target(t.Columns[i].Ref(&row))
			left--
		}
		if err := members.Decode(into); err != nil {
			return row, err
		}
	}
	return row, nil
}

// target returns the value that a field is parsed into.
func target(field any) any {
	switch f := field.(type) {
	case *warehouse.Null[int64]:
		f.Valid = true
		return &f.V
	case *warehouse.Null[float64]:
		f.Valid = true
		return &f.V
	case *warehouse.Null[bool]:
		f.Valid = true
		return &f.V
	case *warehouse.Null[warehouse.Timestamp]:
		f.Valid = true
		return &f.V
	}
	return field
}

// eachLine parses the rows of a file in order. A file that does not exist has
// none.
func eachLine[R any](v *view, t *warehouse.Table[R], name string, do func(*R) error) error {
	return eachText(v, name, func(line []byte) error {
		row, err := parseLine(t, line)
		if err != nil {
			return damaged(v.lake.path(name), err)
		}
		return do(&row)
	})
}

// eachText reads the lines of a file in order, each with its line end. A line
// is valid until do returns.
func eachText(v *view, name string, do func(line []byte) error) error {
	path := v.lake.path(name)
	f, err := v.open(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return failed("cannot read "+path, err)
	}
	defer f.Close() //nolint:errcheck // it is only read
	lines := bufio.NewReaderSize(f, 64<<10)
	var line []byte
	for {
		part, err := lines.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return damaged(path, err)
		}
		if err := do(line); err != nil {
			return err
		}
		line = line[:0]
	}
}

// readLines reads the rows of one of the small tables.
func readLines[R any](v *view, t *warehouse.Table[R]) (rows []R, err error) {
	err = eachLine(v, t, statePath(t.Name), func(row *R) error {
		rows = append(rows, *row)
		return nil
	})
	return rows, err
}
