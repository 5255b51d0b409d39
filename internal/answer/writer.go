package answer

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Writer prints rows.
type Writer interface {
	// Write prints rows, at most limit of them; 0: all. It returns the number of rows
	// that it printed, and whether there are more. It does not close the rows.
	Write(ctx context.Context, rows Rows, limit int) (written int, more bool, err error)
}

// Each calls put with each row, at most limit of them; 0: all. It returns the number of
// rows, and whether there are more.
func Each(ctx context.Context, rows Rows, limit int, put func(row []any) error) (n int, more bool, err error) {
	for {
		row, err := rows.Next(ctx)
		switch {
		case errors.Is(err, io.EOF):
			return n, false, nil
		case err != nil:
			return n, false, err
		case limit > 0 && n == limit:
			return n, true, nil
		}
		if err := put(row); err != nil {
			return n, false, err
		}
		n++
	}
}

// CSV writes a line of names and a line for each row, as RFC 4180 defines. NULL is
// an empty field, and so is an empty text.
type CSV struct{ To io.Writer }

// Write implements [Writer].
func (c CSV) Write(ctx context.Context, rows Rows, limit int) (written int, more bool, err error) {
	out := csv.NewWriter(c.To)
	columns := rows.Columns()
	line := make([]string, len(columns))
	for i, column := range columns {
		line[i] = column.Name
	}
	if err := out.Write(line); err != nil {
		return 0, false, err
	}
	written, more, err = Each(ctx, rows, limit, func(row []any) error {
		for i, v := range row {
			line[i] = Format(columns[i].Type, v)
		}
		return out.Write(line)
	})
	out.Flush()
	return written, more, errors.Join(err, out.Error())
}

// JSONLines writes an object for each row, on a line of its own. A column whose name
// occurs before gets a number.
type JSONLines struct{ To io.Writer }

// Write implements [Writer].
func (j JSONLines) Write(ctx context.Context, rows Rows, limit int) (written int, more bool, err error) {
	out := bufio.NewWriter(j.To)
	columns := rows.Columns()
	keys := UniqueNames(columns)
	for i := range keys {
		keys[i] = JSONText(keys[i]) + ":"
	}
	var line []byte
	written, more, err = Each(ctx, rows, limit, func(row []any) error {
		line = append(line[:0], '{')
		for i, v := range row {
			if i > 0 {
				line = append(line, ',')
			}
			line = append(line, keys[i]...)
			line = appendJSON(line, columns[i].Type, v)
		}
		_, err := out.Write(append(line, '}', '\n'))
		return err
	})
	return written, more, errors.Join(err, out.Flush())
}

// UniqueNames returns the names of columns. One that occurs before gets a number.
func UniqueNames(columns []Column) []string {
	names, taken := make([]string, len(columns)), map[string]bool{}
	for i, c := range columns {
		name := c.Name
		for n := 2; taken[name]; n++ {
			name = fmt.Sprintf("%s_%d", c.Name, n)
		}
		names[i], taken[name] = name, true
	}
	return names
}

// Markdown writes a table for documents.
type Markdown struct{ To io.Writer }

var markdownEscapes = strings.NewReplacer("\\", "\\\\", "|", "\\|", "<", "&lt;", "&", "&amp;", "\r\n", "<br>", "\n", "<br>", "\r", "<br>")

// Write implements [Writer].
func (m Markdown) Write(ctx context.Context, rows Rows, limit int) (written int, more bool, err error) {
	out := bufio.NewWriter(m.To)
	columns := rows.Columns()
	rule := "|"
	for _, c := range columns {
		fmt.Fprintf(out, "| %s ", markdownEscapes.Replace(c.Name))
		if c.Type.isNumber() {
			rule += " ---: |"
		} else {
			rule += " --- |"
		}
	}
	fmt.Fprintf(out, "|\n%s\n", rule)
	written, more, err = Each(ctx, rows, limit, func(row []any) error {
		for i, v := range row {
			fmt.Fprintf(out, "| %s ", markdownEscapes.Replace(Format(columns[i].Type, v)))
		}
		_, err := out.WriteString("|\n")
		return err
	})
	return written, more, errors.Join(err, out.Flush())
}
