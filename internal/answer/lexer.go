package answer

import (
	"strings"
	"unicode/utf8"
)

// Kind is the kind of a token.
type Kind uint8

// The kinds of tokens.
const (
	Space     Kind = iota + 1
	Comment        // -- to the end of the line, or /* */, which can be nested
	Word           // a keyword or a name without quotes
	Quoted         // a name in double quotes
	String         // a string, also with a prefix or in dollar quotes
	Number         // starts with a digit
	Parameter      // $name or $1
	Symbol         // one other character
)

// Token is a part of the text of an SQL statement.
type Token struct {
	Kind  Kind
	Text  string
	Start int // offset in bytes
	// Open is set for the last token if its end is missing.
	Open bool
}

// Lex cuts a text into tokens. Together they have all bytes of the text. It follows
// the rules of Postgres, which DuckDB shares, and accepts any text.
func Lex(sql string) (tokens []Token) {
	for start := 0; start < len(sql); {
		t := lexOne(sql[start:])
		t.Start = start
		t.Text = sql[start : start+len(t.Text)]
		tokens = append(tokens, t)
		start += len(t.Text)
	}
	return tokens
}

// lexOne returns the first token of a text that is not empty.
func lexOne(text string) Token {
	c := text[0]
	switch {
	case isSpace(c):
		return Token{Kind: Space, Text: while(text, isSpace)}
	case strings.HasPrefix(text, "--"):
		end := strings.IndexAny(text, "\r\n")
		if end < 0 {
			return Token{Kind: Comment, Text: text, Open: true}
		}
		return Token{Kind: Comment, Text: text[:end]}
	case strings.HasPrefix(text, "/*"):
		return block(text)
	case c == '\'':
		return quoted(text, String, "'", false)
	case c == '"':
		return quoted(text, Quoted, `"`, false)
	case c == '$':
		return dollar(text)
	case isDigit(c):
		return Token{Kind: Number, Text: while(text, func(c byte) bool { return isWord(c) && c != '$' || c == '.' })}
	case isWord(c):
		word := while(text, isWord)
		if strings.EqualFold(word, "e") && strings.HasPrefix(text[1:], "'") {
			return quoted(text, String, text[:2], true)
		}
		return Token{Kind: Word, Text: word}
	}
	_, size := utf8.DecodeRuneInString(text)
	return Token{Kind: Symbol, Text: text[:size]}
}

// block returns the block comment at the start of a text.
func block(text string) Token {
	depth := 0
	for i := 0; i+1 < len(text); i++ {
		switch text[i : i+2] {
		case "/*":
			depth++
			i++
		case "*/":
			depth--
			i++
			if depth == 0 {
				return Token{Kind: Comment, Text: text[:i+1]}
			}
		}
	}
	return Token{Kind: Comment, Text: text, Open: true}
}

// quoted returns the string or the name in quotes at the start of a text. open is
// what it starts with: a quote, perhaps after a letter. Two quotes are one in the
// value. If escapes is set, a backslash protects the next character.
func quoted(text string, kind Kind, open string, escapes bool) Token {
	quote := open[len(open)-1]
	for i := len(open); i < len(text); i++ {
		switch {
		case escapes && text[i] == '\\':
			i++
		case text[i] == quote && i+1 < len(text) && text[i+1] == quote:
			i++
		case text[i] == quote:
			return Token{Kind: kind, Text: text[:i+1]}
		}
	}
	return Token{Kind: kind, Text: text, Open: true}
}

// dollar returns the string in dollar quotes, or the parameter, at the start of a
// text. A single dollar sign is a symbol.
func dollar(text string) Token {
	name := while(text[1:], func(c byte) bool { return isWord(c) && c != '$' })
	tag := text[:1+len(name)]
	if strings.HasPrefix(text[len(tag):], "$") && (name == "" || !isDigit(name[0])) {
		tag += "$"
		if end := strings.Index(text[len(tag):], tag); end >= 0 {
			return Token{Kind: String, Text: text[:end+2*len(tag)]}
		}
		return Token{Kind: String, Text: text, Open: true}
	}
	if name == "" {
		return Token{Kind: Symbol, Text: tag}
	}
	return Token{Kind: Parameter, Text: tag}
}

func while(text string, is func(byte) bool) string {
	end := 0
	for end < len(text) && is(text[end]) {
		end++
	}
	return text[:end]
}

func isSpace(c byte) bool { return strings.IndexByte(" \t\r\n\f\v", c) >= 0 }
func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// isWord reports whether a byte continues a word. Each byte of a character outside
// ASCII does.
func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || isDigit(c) || c == '_' || c == '$' || c >= utf8.RuneSelf
}
