package answer

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/mattn/go-runewidth"
)

// SQLError reports that a statement is wrong, or was refused.
type SQLError struct {
	SQL     string
	Message string
	Hint    string // what to do; ""
	// Line and Column of the first character that is wrong, both from 1, in
	// characters; 0: unknown.
	Line, Column int
	Near         []string // names that may have been meant
	// Refused is set if the statement did not reach the engine, because it could
	// write, or has parameters without a value.
	Refused bool
}

// Error returns the message, the line with a mark below it, and what to do.
func (e *SQLError) Error() string {
	lines := []string{e.Message}
	if e.Line > 0 {
		lines = append(lines, e.mark()...)
	}
	if len(e.Near) > 0 {
		lines = append(lines, "did you mean "+strings.Join(e.Near, " or ")+"?")
	}
	if e.Hint != "" {
		lines = append(lines, e.Hint)
	}
	return strings.Join(lines, "\n")
}

// Refuse returns the error of a statement that may write.
func Refuse(sql string) error {
	e := &SQLError{
		SQL:     sql,
		Message: "only one statement that reads is allowed: SELECT, WITH, VALUES, TABLE, EXPLAIN or SHOW",
		Hint:    "nothing was executed; to change data, use a client of the database",
		Refused: true,
	}
	words, allowed := Words(sql, 1), []string{"SELECT", "WITH", "VALUES", "TABLE", "EXPLAIN", "SHOW"}
	switch {
	case Trim(sql) == "":
		e.Message, e.Hint = "the statement is empty", ""
	case len(words) > 0 && !slices.ContainsFunc(allowed, func(word string) bool { return strings.EqualFold(word, words[0]) }):
		e.Near = Nearest(words[0], allowed)
	}
	return e
}

// markedRunes limits the part of a line that is printed.
const markedRunes = 100

// mark returns the line and the mark below the column.
func (e *SQLError) mark() []string {
	lines := strings.Split(e.SQL, "\n")
	if e.Line > len(lines) {
		return nil
	}
	line := []rune(strings.TrimRight(lines[e.Line-1], "\r"))
	for i, c := range line {
		if unicode.IsControl(c) {
			line[i] = ' '
		}
	}
	at := min(max(e.Column-1, 0), len(line))
	before, after := line[:at], line[at:]
	if len(before) > markedRunes/2 {
		before = append([]rune("…"), before[len(before)-markedRunes/2:]...)
	}
	if len(after) > markedRunes/2 {
		after = append(slices.Clone(after[:markedRunes/2]), '…')
	}
	start := fmt.Sprintf("LINE %d: ", e.Line)
	return []string{
		start + string(before) + string(after),
		strings.Repeat(" ", len(start)+runewidth.StringWidth(string(before))) + "^",
	}
}

// Position returns line and column of an offset, both from 1.
func Position(sql string, offset int) (line, column int) {
	before := sql[:min(max(offset, 0), len(sql))]
	start := strings.LastIndexByte(before, '\n') + 1
	return strings.Count(before, "\n") + 1, len([]rune(before[start:])) + 1
}

// NameAt returns the last part of the name at an offset, such as b of a.b; "" if
// there is no name.
func NameAt(sql string, offset int) (name string) {
	expected := true // a part, not a dot
	for _, t := range Lex(sql) {
		if t.Start+len(t.Text) <= offset {
			continue
		}
		isName := t.Kind == Word || t.Kind == Quoted
		switch {
		case expected && isName:
			name = strings.Trim(t.Text, `"`)
		case expected || t.Text != ".":
			return name
		}
		expected = !expected
	}
	return name
}

// Suggest sets the names that may have been meant at the position of the error:
// the columns of the objects that the statement names if column is set, else the
// names of objects.
func (e *SQLError) Suggest(name string, column bool, objects []Object) {
	if name == "" {
		return
	}
	named := map[string]bool{}
	for _, t := range Lex(e.SQL) {
		named[strings.ToLower(strings.Trim(t.Text, `"`))] = true
	}
	var first, all []string
	for i := range objects {
		if !column {
			all = append(all, objects[i].Name)
			continue
		}
		for _, c := range objects[i].Columns {
			all = append(all, c.Name)
			if named[objects[i].Name] {
				first = append(first, c.Name)
			}
		}
	}
	if e.Near = Nearest(name, first); len(e.Near) == 0 {
		e.Near = Nearest(name, all)
	}
}
