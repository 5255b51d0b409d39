package answer

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Split cuts a text into statements, at semicolons. rest is what follows the last
// semicolon; "" if it is only space and comments. Statements that have nothing but
// space and comments are left out.
func Split(text string) (statements []string, rest string) {
	start, empty := 0, true
	for _, t := range Lex(text) {
		switch {
		case t.Kind == Symbol && t.Text == ";":
			if !empty {
				statements = append(statements, strings.TrimSpace(text[start:t.Start]))
			}
			start, empty = t.Start+1, true
		case t.Kind != Space && t.Kind != Comment:
			empty = false
		case t.Kind == Comment && t.Open && strings.HasPrefix(t.Text, "/*"):
			empty = false // it continues
		}
	}
	if empty {
		return statements, ""
	}
	return statements, text[start:]
}

// Trim removes space, comments and semicolons from the end of a statement. What is
// left can be put into parentheses.
func Trim(sql string) string {
	tokens := Lex(sql)
	for len(tokens) > 0 {
		t := tokens[len(tokens)-1]
		if t.Kind != Space && t.Kind != Comment && t.Text != ";" {
			return sql[:t.Start+len(t.Text)]
		}
		tokens = tokens[:len(tokens)-1]
	}
	return ""
}

// Words returns the first keywords of a statement in upper case, at most n. An
// opening parenthesis counts as one; any other token ends them.
func Words(sql string, n int) (words []string) {
	for _, t := range Lex(sql) {
		switch {
		case len(words) == n:
			return words
		case t.Kind == Space || t.Kind == Comment:
		case t.Kind == Word || t.Text == "(":
			words = append(words, strings.ToUpper(t.Text))
		default:
			return words
		}
	}
	return words
}

// Explained returns the statement whose plan an EXPLAIN statement returns. ok is
// false if the text is not an EXPLAIN statement. Comments before that statement are
// not accepted, so that no engine can find another one in the text than we do.
func Explained(sql string) (inner string, ok bool) {
	tokens := slices.DeleteFunc(Lex(sql), func(t Token) bool { return t.Kind == Space })
	is := func(words ...string) bool {
		return len(tokens) > 0 && tokens[0].Kind == Word && slices.Contains(words, strings.ToUpper(tokens[0].Text))
	}
	if !is("EXPLAIN") {
		return "", false
	}
	tokens = tokens[1:]
	if len(tokens) > 0 && tokens[0].Text == "(" && !isSelect(tokens[1:]) {
		end := slices.IndexFunc(tokens, func(t Token) bool { return t.Text == ")" })
		if end < 0 || slices.ContainsFunc(tokens[1:end], func(t Token) bool { return t.Kind != Word && t.Text != "," }) {
			return "", false
		}
		tokens = tokens[end+1:]
	}
	for is("ANALYZE", "ANALYSE", "VERBOSE") {
		tokens = tokens[1:]
	}
	if len(tokens) == 0 || tokens[0].Kind == Comment {
		return "", false
	}
	return sql[tokens[0].Start:], true
}

// isSelect reports whether tokens start with a statement that returns rows.
func isSelect(tokens []Token) bool {
	for len(tokens) > 0 && tokens[0].Text == "(" {
		tokens = tokens[1:]
	}
	return len(tokens) > 0 && slices.Contains([]string{"SELECT", "WITH", "VALUES", "TABLE", "FROM"}, strings.ToUpper(tokens[0].Text))
}

// Numbered is a statement whose parameters are $1, $2, …
type Numbered struct {
	SQL    string
	Values []string // of the parameters
	moves  []move
}

// move says where a part of the text comes from.
type move struct{ to, from int }

// NumberParams replaces the parameters of a statement by numbers. Each has a value, see
// [CheckParams].
func NumberParams(s Statement) *Numbered {
	n := &Numbered{moves: []move{{0, 0}}}
	var names []string
	var text strings.Builder
	for _, t := range Lex(s.SQL) {
		if t.Kind != Parameter {
			text.WriteString(t.Text)
			continue
		}
		name := t.Text[1:]
		i := slices.Index(names, name)
		if i < 0 {
			i = len(names)
			names = append(names, name)
			n.Values = append(n.Values, s.Params[name])
		}
		n.moves = append(n.moves, move{text.Len(), t.Start})
		text.WriteString("$" + strconv.Itoa(i+1))
		n.moves = append(n.moves, move{text.Len(), t.Start + len(t.Text)})
	}
	n.SQL = text.String()
	return n
}

// Origin returns the offset in the original text of a character of the numbered
// one. Characters are counted from 1.
func (n *Numbered) Origin(character int) int {
	offset := 0
	for range character - 1 {
		_, size := utf8.DecodeRuneInString(n.SQL[offset:])
		offset += size
	}
	last := n.moves[0]
	for _, m := range n.moves {
		if m.to <= offset {
			last = m
		}
	}
	return last.from + offset - last.to
}
