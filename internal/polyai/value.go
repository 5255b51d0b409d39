package polyai

import (
	"bytes"
	"iter"
	"unicode/utf16"
	"unicode/utf8"
)

// Value is one well-formed JSON value as the source returned it, without surrounding white
// space. It is empty if there is none. Names may occur twice in an object, and text may
// be invalid UTF-8.
type Value []byte

// Kind is the JSON type of a value.
type Kind uint8

// The kinds of values; Absent is an empty [Value].
const (
	Absent Kind = iota
	Null
	Bool
	Number
	String
	Array
	Object
)

var kindNames = [...]string{"absent", "null", "boolean", "number", "string", "array", "object"}

func (k Kind) String() string { return kindNames[k] }

// Kind returns the JSON type.
func (v Value) Kind() Kind {
	if len(v) == 0 {
		return Absent
	}
	switch v[0] {
	case 'n':
		return Null
	case 't', 'f':
		return Bool
	case '"':
		return String
	case '[':
		return Array
	case '{':
		return Object
	}
	return Number
}

// Text returns the text of a string, and any other value as it is. Characters that a
// destination cannot store (U+0000, lone surrogates, invalid UTF-8) become U+FFFD.
func (v Value) Text() string {
	s, _ := v.TextReplaced()
	return s
}

// TextReplaced returns Text, and whether a character was replaced.
func (v Value) TextReplaced() (text string, replaced bool) {
	if v.Kind() != String {
		return string(v), false
	}
	inner := v[1 : len(v)-1]
	if isText(inner) {
		return string(inner), false
	}
	unquoted, replaced := appendUnquoted(nil, inner)
	return string(unquoted), replaced
}

// isText reports whether what is between the quotes of a string is its text.
func isText(inner []byte) bool { return bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) }

// Members yields the members of an object in order, including duplicates.
func (v Value) Members() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		for name, value := range v.RawMembers() {
			if !yield(name.Text(), value) {
				return
			}
		}
	}
}

// RawMembers yields the members with their raw names, in quotes.
func (v Value) RawMembers() iter.Seq2[Value, Value] {
	return func(yield func(name, value Value) bool) {
		if v.Kind() != Object {
			return
		}
		for at := skipSpace(v, 1); at < len(v) && v[at] == '"'; {
			nameEnd := skipString(v, at)
			start := skipSpace(v, nameEnd)
			end := skipValue(v, start)
			if !yield(v[at:nameEnd:nameEnd], v[start:end:end]) {
				return
			}
			at = skipSpace(v, end)
		}
	}
}

// Elements yields the elements of an array in order.
func (v Value) Elements() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		if v.Kind() != Array {
			return
		}
		for at := skipSpace(v, 1); at < len(v) && v[at] != ']'; {
			end := skipValue(v, at)
			if !yield(v[at:end:end]) {
				return
			}
			at = skipSpace(v, end)
		}
	}
}

// The skip functions expect well-formed JSON and do not check it.

// skipSpace returns the position of the next value, after white space, commas and colons.
func skipSpace(v Value, at int) int {
	for at < len(v) {
		switch v[at] {
		case ' ', '\t', '\n', '\r', ',', ':':
			at++
		default:
			return at
		}
	}
	return at
}

// skipValue returns the end of the value that begins at at.
func skipValue(v Value, at int) int {
	if at >= len(v) {
		return len(v)
	}
	switch v[at] {
	case '"':
		return skipString(v, at)
	case '{', '[':
		return skipNested(v, at)
	}
	for at < len(v) {
		switch v[at] {
		case ',', '}', ']', ' ', '\t', '\n', '\r':
			return at
		}
		at++
	}
	return at
}

func skipNested(v Value, at int) int {
	depth := 0
	for at < len(v) {
		switch v[at] {
		case '"':
			at = skipString(v, at)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return at + 1
			}
		}
		at++
	}
	return len(v)
}

var escaped = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// appendUnquoted appends the text between the quotes of a string.
func appendUnquoted(dst, s []byte) (text []byte, replaced bool) {
	for at := 0; at < len(s); {
		switch c := s[at]; {
		case c == '\\' && at+1 < len(s) && s[at+1] == 'u':
			r, n := unquoteRune(s[at:])
			replaced = replaced || r == utf8.RuneError && n == 6 && !bytes.EqualFold(s[at+2:at+6], []byte("fffd"))
			dst = utf8.AppendRune(dst, r)
			at += n
		case c == '\\' && at+1 < len(s):
			dst = append(dst, escaped[s[at+1]])
			at += 2
		case c < utf8.RuneSelf:
			dst = append(dst, c)
			at++
		default:
			r, n := utf8.DecodeRune(s[at:])
			replaced = replaced || r == utf8.RuneError && n == 1
			dst = utf8.AppendRune(dst, r)
			at += n
		}
	}
	return dst, replaced
}

// unquoteRune reads \uXXXX, or a surrogate pair of two of them.
func unquoteRune(s []byte) (r rune, size int) {
	r = hexRune(s)
	if r == 0 {
		return utf8.RuneError, min(6, len(s)) // U+0000, which no destination can store
	}
	if !utf16.IsSurrogate(r) {
		return r, min(6, len(s))
	}
	if len(s) >= 12 && s[6] == '\\' && s[7] == 'u' {
		if pair := utf16.DecodeRune(r, hexRune(s[6:])); pair != utf8.RuneError {
			return pair, 12
		}
	}
	return utf8.RuneError, min(6, len(s))
}

// hexRune reads the four digits after \u.
func hexRune(s []byte) rune {
	var r rune
	for _, c := range s[min(2, len(s)):min(6, len(s))] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		}
	}
	return r
}
