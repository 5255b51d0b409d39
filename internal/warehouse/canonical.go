package warehouse

import (
	"slices"
	"strconv"
	"strings"
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
func Canonical(text string) (canonical JSON, replaced int) {
	c := canonicalizer{src: text, dst: make([]byte, 0, len(text))}
	c.value(0)
	return JSON(c.dst), c.replaced
}

type canonicalizer struct {
	src      string
	pos      int
	dst      []byte
	replaced int
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
		c.dst = c.appendString(c.dst, strings.ToValidUTF8(c.src[c.pos:end], "\uFFFD"))
		c.pos = end
		c.replaced++
	case b == '{':
		c.object(depth)
	case b == '[':
		c.array(depth)
	case b == '"':
		c.dst = c.appendString(c.dst, c.unquote())
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

// member is a member of an object: its name, and the offsets of its canonical
// value in dst.
type member struct {
	name       string
	start, end int
}

func (c *canonicalizer) object(depth int) {
	c.pos++
	var few [8]member
	members := few[:0]
	base := len(c.dst)
	sorted := true
	for {
		c.skipSpace()
		if c.pos >= len(c.src) || c.src[c.pos] == '}' {
			c.pos++
			break
		}
		m := member{name: c.unquote(), start: len(c.dst)}
		c.value(depth + 1)
		m.end = len(c.dst)
		sorted = sorted && (len(members) == 0 || members[len(members)-1].name < m.name)
		members = append(members, m)
	}
	if !sorted {
		slices.SortStableFunc(members, func(a, b member) int { return strings.Compare(a.name, b.name) })
	}
	// dst[base:] has the values, one after another. Append the object after
	// them, then move it to base.
	from := len(c.dst)
	c.dst = append(c.dst, '{')
	for i, m := range members {
		if i+1 < len(members) && members[i+1].name == m.name {
			continue // the last duplicate wins
		}
		if len(c.dst) > from+1 {
			c.dst = append(c.dst, ',')
		}
		c.dst = c.appendString(c.dst, m.name)
		c.dst = append(c.dst, ':')
		c.dst = append(c.dst, c.dst[m.start:m.end]...)
	}
	c.dst = append(c.dst, '}')
	n := copy(c.dst[base:], c.dst[from:])
	c.dst = c.dst[:base+n]
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
func numberFits(s string) bool {
	mantissa, exponent := s, 0
	if i := indexExponent(s); i >= 0 {
		mantissa = s[:i]
		e, err := strconv.Atoi(s[i+1:])
		if err != nil || e > maxExponent || e < -maxExponent {
			return false
		}
		exponent = e
	}
	whole, fraction := len(strings.TrimPrefix(mantissa, "-")), 0
	if i := strings.IndexByte(mantissa, '.'); i >= 0 {
		fraction = len(mantissa) - i - 1
		whole -= fraction + 1
	}
	return whole+max(exponent, 0) <= maxNumberWhole && fraction+max(-exponent, 0) <= maxNumberFraction
}

// unquote reads the string at pos and resolves its escapes. Characters that text
// cannot contain become U+FFFD and are counted.
func (c *canonicalizer) unquote() string {
	end := skipString(c.src, c.pos)
	body := c.src[c.pos+1 : max(end-1, c.pos+1)]
	c.pos = end
	if strings.IndexByte(body, '\\') < 0 && utf8.ValidString(body) {
		return body
	}
	out := make([]byte, 0, len(body))
	for i := 0; i < len(body); {
		if body[i] != '\\' {
			r, size := utf8.DecodeRuneInString(body[i:])
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
	return string(out)
}

// unescape reads the escape at the start of s; ok is false for a lone surrogate.
func unescape(s string) (r rune, size int, ok bool) {
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
func hexRune(s string) rune {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return utf8.RuneError
	}
	v, err := strconv.ParseUint(s[2:6], 16, 32)
	if err != nil {
		return utf8.RuneError
	}
	return rune(v)
}

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string with the shortest escapes.
func (c *canonicalizer) appendString(dst []byte, s string) []byte {
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
