package answer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/mattn/go-runewidth"
)

// Table writes a table for people.
type Table struct {
	To io.Writer
	// Width is the number of columns of the terminal; 0: cells are not cut. If not even
	// the names fit, each row is a record.
	Width int
	// Records writes a line for each value.
	Records bool
}

// measuredRows is the number of rows whose cells determine the widths. In a
// terminal, cells of later rows are cut to them.
const measuredRows = 1000

// narrowest is the width to which a wide column is cut at most, so that the cells
// say something.
const narrowest = 8

// Write implements [Writer].
func (t Table) Write(ctx context.Context, rows Rows, limit int) (written int, more bool, err error) {
	w := &tableWriter{out: bufio.NewWriter(t.To), columns: rows.Columns(), to: t}
	written, more, err = Each(ctx, rows, limit, w.add)
	if !w.began {
		err = errors.Join(err, w.begin())
	}
	return written, more, errors.Join(err, w.out.Flush())
}

type tableWriter struct {
	to      Table
	out     *bufio.Writer
	columns []Column
	first   [][]string // rows until the widths are known
	began   bool
	records bool
	widths  []int
	n       int // number of records
}

func (w *tableWriter) add(row []any) error {
	cells := make([]string, len(row))
	for i, v := range row {
		cells[i] = oneLine(Format(w.columns[i].Type, v))
	}
	if w.began {
		return w.put(cells)
	}
	if w.first = append(w.first, cells); len(w.first) < measuredRows {
		return nil
	}
	return w.begin()
}

// begin decides the widths, and writes the head and the first rows.
func (w *tableWriter) begin() error {
	w.began = true
	w.measure()
	if !w.records {
		names, rules := make([]string, len(w.columns)), make([]string, len(w.columns))
		for i, c := range w.columns {
			names[i], rules[i] = oneLine(c.Name), strings.Repeat("─", w.widths[i])
		}
		if err := w.line(names); err != nil {
			return err
		}
		fmt.Fprintln(w.out, strings.Join(rules, "──"))
	}
	for _, cells := range w.first {
		if err := w.put(cells); err != nil {
			return err
		}
	}
	w.first = nil
	return nil
}

// measure decides the widths of the columns.
func (w *tableWriter) measure() {
	w.widths = make([]int, len(w.columns))
	least := make([]int, len(w.columns))
	for i, c := range w.columns {
		name := runewidth.StringWidth(oneLine(c.Name))
		w.widths[i] = name
		for _, cells := range w.first {
			w.widths[i] = max(w.widths[i], runewidth.StringWidth(cells[i]))
		}
		least[i] = min(w.widths[i], max(name, narrowest))
		if c.Type.isNumber() || c.Type == Time {
			least[i] = w.widths[i] // a number without its end is wrong
		}
	}
	w.records = w.to.Records || w.to.Width > 0 && total(least) > w.to.Width
	if w.records || w.to.Width == 0 {
		return
	}
	for total(w.widths) > w.to.Width {
		widest := -1
		for i := range w.widths {
			if w.widths[i] > least[i] && (widest < 0 || w.widths[i] > w.widths[widest]) {
				widest = i
			}
		}
		w.widths[widest]--
	}
}

// total returns the width of a line.
func total(widths []int) (sum int) {
	for _, width := range widths {
		sum += width + 2
	}
	return sum - 2
}

func (w *tableWriter) put(cells []string) error {
	if w.records {
		return w.record(cells)
	}
	return w.line(cells)
}

func (w *tableWriter) line(cells []string) error {
	var line strings.Builder
	for i, cell := range cells {
		if w.to.Width > 0 {
			cell = runewidth.Truncate(cell, w.widths[i], "…")
		}
		if i > 0 {
			line.WriteString("  ")
		}
		if w.columns[i].Type.isNumber() {
			line.WriteString(runewidth.FillLeft(cell, w.widths[i]))
		} else {
			line.WriteString(runewidth.FillRight(cell, w.widths[i]))
		}
	}
	_, err := fmt.Fprintln(w.out, strings.TrimRight(line.String(), " "))
	return err
}

// record writes a row with a line for each value.
func (w *tableWriter) record(cells []string) error {
	w.n++
	width := 0
	for _, c := range w.columns {
		width = max(width, runewidth.StringWidth(oneLine(c.Name)))
	}
	fmt.Fprintf(w.out, "── %d %s\n", w.n, strings.Repeat("─", max(width-4, 1)))
	for i, c := range w.columns {
		line := runewidth.FillRight(oneLine(c.Name), width) + "  " + cells[i]
		if _, err := fmt.Fprintln(w.out, strings.TrimRight(line, " ")); err != nil {
			return err
		}
	}
	return nil
}

// oneLine replaces the characters that would break a line of a table.
func oneLine(s string) string {
	if !strings.ContainsFunc(s, unicode.IsControl) {
		return s
	}
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return ' '
		}
		return c
	}, s)
}
