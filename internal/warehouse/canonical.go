package warehouse

import (
	"bytes"
	"slices"
	"strconv"
	"sync"
	"unicode/utf16"
	"unicode/utf8"
)

// Limits of JSON that both destinations can store. Values beyond them are stored as text.
const (
	maxJSONDepth      = 512
	maxNumberWhole    = 131072 // digits before the point of a Postgres numeric
	maxNumberFraction = 16383  // digits after it
	// maxExponent is the largest exponent of a double. Postgres writes all digits of
	// a number when it is read: 1e131071 has eight bytes here, and 128 KB in a query.
	maxExponent = 324
)

// Canonical returns the canonical form of a JSON value, in which it is stored:
// no white space, members sorted by name, the last of duplicate members, the
// shortest escapes, numbers unchanged.
//
// It replaces what a destination cannot store, and counts the replacements:
// U+0000, lone surrogates and invalid UTF-8 become U+FFFD; a number beyond the
// range of a Postgres numeric, or with an exponent beyond 324, becomes its text;
// a value that is nested too deeply becomes its JSON text.
//
// text must be one well-formed JSON value.
func Canonical[T ~string | ~[]byte](text T) (canonical JSON, replaced int) {
	b, replaced := AppendCanonical(nil, []byte(text))
	return JSON(b), replaced
}

// AppendCanonical appends the canonical form of a JSON value, see [Canonical].
func AppendCanonical(dst, text []byte) (canonical []byte, replaced int) {
	c := canonicalizers.Get().(*canonicalizer)
	c.src, c.pos, c.replaced = text, 0, 0
	c.dst = slices.Grow(dst, len(text))
	c.value(0)
	canonical, replaced = c.dst, c.replaced
	c.src, c.dst = nil, nil
	canonicalizers.Put(c) // not one that panicked
	return canonical, replaced
}

var canonicalizers = sync.Pool{New: func() any { return new(canonicalizer) }}

type canonicalizer struct {
	src      []byte
	pos      int
	dst      []byte
	replaced int
	members  []member // of all objects that were begun and are not complete yet
}

func (c *canonicalizer) skipSpace() {
	for c.pos < len(c.src) {
		switch c.src[c.pos] {
		case ' ', '\t', '\r', '\n', ',', ':':
			c.pos++
		default:
			return
		}
	}
}

func (c *canonicalizer) value(depth int) {
	c.skipSpace()
	if c.pos >= len(c.src) {
		return
	}
	switch b := c.src[c.pos]; {
	case depth == maxJSONDepth && (b == '{' || b == '['):
		end := skipValue(c.src, c.pos)
		c.dst = appendString(c.dst, bytes.ToValidUTF8(c.src[c.pos:end], []byte("\uFFFD")))
		c.pos = end
		c.replaced++
	case b == '{':
		c.object(depth)
	case b == '[':
		c.array(depth)
	case b == '"':
		c.string()
	case b == '-' || b >= '0' && b <= '9':
		c.number()
	default: // true, false, null
		end := c.pos + 4
		if b == 'f' {
			end++
		}
		end = min(end, len(c.src))
		c.dst = append(c.dst, c.src[c.pos:end]...)
		c.pos = end
	}
}

func (c *canonicalizer) array(depth int) {
	c.pos++
	c.dst = append(c.dst, '[')
	for first := true; ; first = false {
		c.skipSpace()
		if c.pos >= len(c.src) || c.src[c.pos] == ']' {
			c.pos++
			break
		}
		if !first {
			c.dst = append(c.dst, ',')
		}
		c.value(depth + 1)
	}
	c.dst = append(c.dst, ']')
}

// member is a member of an object: its name, and the offsets of its canonical form in
// dst.
type member struct {
	name       []byte
	start, end int
}

func (c *canonicalizer) object(depth int) {
	c.pos++
	c.dst = append(c.dst, '{')
	from, first := len(c.dst), len(c.members)
	sorted := true
	for {
		c.skipSpace()
		if c.pos >= len(c.src) || c.src[c.pos] == '}' {
			c.pos++
			break
		}
		m := member{}
		m.name, _ = c.unquote()
		if n := len(c.members); n > first {
			c.dst = append(c.dst, ',')
			sorted = sorted && bytes.Compare(c.members[n-1].name, m.name) < 0
		}
		m.start = len(c.dst)
		c.dst = append(appendString(c.dst, m.name), ':')
		c.value(depth + 1)
		m.end = len(c.dst)
		c.members = append(c.members, m)
	}
	members := c.members[first:]
	if !sorted {
		c.sort(members, from)
	}
	clear(members)
	c.members = c.members[:first]
	c.dst = append(c.dst, '}')
}

// sort sorts the members of an object, which dst has from an offset on. It appends them
// again in order, without duplicates, and moves them to that offset.
func (c *canonicalizer) sort(members []member, from int) {
	slices.SortStableFunc(members, func(a, b member) int { return bytes.Compare(a.name, b.name) })
	end := len(c.dst)
	for i, m := range members {
		if i+1 < len(members) && bytes.Equal(members[i+1].name, m.name) {
			continue // the last duplicate wins
		}
		if len(c.dst) > end {
			c.dst = append(c.dst, ',')
		}
		c.dst = append(c.dst, c.dst[m.start:m.end]...)
	}
	n := copy(c.dst[from:], c.dst[end:])
	c.dst = c.dst[:from+n]
}

func (c *canonicalizer) number() {
	end := skipNumber(c.src, c.pos)
	text := c.src[c.pos:end]
	c.pos = end
	if numberFits(text) {
		c.dst = append(c.dst, text...)
		return
	}
	c.replaced++
	c.dst = append(append(append(c.dst, '"'), text...), '"')
}

// numberFits reports whether a Postgres numeric can store the JSON number, in
// about the length of its text.
func numberFits(s []byte) bool {
	mantissa, exponent := s, 0
	if i := indexExponent(s); i >= 0 {
		mantissa = s[:i]
		e, err := strconv.Atoi(string(s[i+1:]))
		if err != nil || e > maxExponent || e < -maxExponent {
			return false
		}
		exponent = e
	}
	whole, fraction := len(bytes.TrimPrefix(mantissa, []byte("-"))), 0
	if i := bytes.IndexByte(mantissa, '.'); i >= 0 {
		fraction = len(mantissa) - i - 1
		whole -= fraction + 1
	}
	return whole+max(exponent, 0) <= maxNumberWhole && fraction+max(-exponent, 0) <= maxNumberFraction
}

// string appends the string at pos in canonical form.
func (c *canonicalizer) string() {
	from := c.pos
	if text, same := c.unquote(); same {
		c.dst = append(c.dst, c.src[from:c.pos]...)
	} else {
		c.dst = appendString(c.dst, text)
	}
}

// unquote reads the string at pos and resolves its escapes. Characters that text
// cannot contain become U+FFFD and are counted. same reports whether the text is what
// is between the quotes.
func (c *canonicalizer) unquote() (text []byte, same bool) {
	end := skipString(c.src, c.pos)
	body := c.src[c.pos+1 : max(end-1, c.pos+1)]
	c.pos = end
	if bytes.IndexByte(body, '\\') < 0 && utf8.Valid(body) {
		return body, true
	}
	out := make([]byte, 0, len(body))
	for i := 0; i < len(body); {
		if body[i] != '\\' {
			r, size := utf8.DecodeRune(body[i:])
			if r == utf8.RuneError && size == 1 {
				c.replaced++
			}
			out = utf8.AppendRune(out, r)
			i += size
			continue
		}
		r, size, ok := unescape(body[i:])
		if !ok || r == 0 {
			c.replaced++
			r = utf8.RuneError
		}
		out = utf8.AppendRune(out, r)
		i += size
	}
	return out, false
}

// unescape reads the escape at the start of s; ok is false for a lone surrogate.
func unescape(s []byte) (r rune, size int, ok bool) {
	if len(s) < 2 {
		return 0, len(s), false
	}
	switch s[1] {
	case 'b':
		return '\b', 2, true
	case 'f':
		return '\f', 2, true
	case 'n':
		return '\n', 2, true
	case 'r':
		return '\r', 2, true
	case 't':
		return '\t', 2, true
	case 'u':
		r = hexRune(s)
		if !utf16.IsSurrogate(r) {
			return r, 6, true
		}
		if pair := utf16.DecodeRune(r, hexRune(s[min(6, len(s)):])); pair != utf8.RuneError {
			return pair, 12, true
		}
		return 0, min(6, len(s)), false
	}
	return rune(s[1]), 2, true
}

// hexRune reads \uXXXX at the start of s. It returns U+FFFD for anything else.
func hexRune(s []byte) rune {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return utf8.RuneError
	}
	v, err := strconv.ParseUint(string(s[2:6]), 16, 32)
	if err != nil {
		return utf8.RuneError
	}
	return rune(v)
}

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string with the shortest escapes.
func appendString(dst, s []byte) []byte {
	dst = append(dst, '"')
	start := 0
	for i := range len(s) {
		b := s[i]
		if b >= 0x20 && b != '"' && b != '\\' {
			continue
		}
		dst = append(dst, s[start:i]...)
		start = i + 1
		switch b {
		case '"', '\\':
			dst = append(dst, '\\', b)
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[b>>4], hexDigits[b&15])
		}
	}
	return append(append(dst, s[start:]...), '"')
}
