package warehouse

import (
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// plainCanonical is the plain form of [Canonical], against which it is tested: it has an
// object for each text, and writes each member twice.
func plainCanonical(text string) (canonical JSON, replaced int) {
	c := plainCanonicalizer{src: text, dst: make([]byte, 0, len(text))}
	c.value(0)
	return JSON(c.dst), c.replaced
}

type plainCanonicalizer struct {
	src      string
	pos      int
	dst      []byte
	replaced int
}

func (c *plainCanonicalizer) skipSpace() {
	for c.pos < len(c.src) {
		switch c.src[c.pos] {
		case ' ', '\t', '\r', '\n', ',', ':':
			c.pos++
		default:
			return
		}
	}
}

func (c *plainCanonicalizer) value(depth int) {
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

func (c *plainCanonicalizer) array(depth int) {
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

type plainMember struct {
	name       string
	start, end int
}

func (c *plainCanonicalizer) object(depth int) {
	c.pos++
	var few [8]plainMember
	members := few[:0]
	base := len(c.dst)
	sorted := true
	for {
		c.skipSpace()
		if c.pos >= len(c.src) || c.src[c.pos] == '}' {
			c.pos++
			break
		}
		m := plainMember{name: c.unquote(), start: len(c.dst)}
		c.value(depth + 1)
		m.end = len(c.dst)
		sorted = sorted && (len(members) == 0 || members[len(members)-1].name < m.name)
		members = append(members, m)
	}
	if !sorted {
		slices.SortStableFunc(members, func(a, b plainMember) int { return strings.Compare(a.name, b.name) })
	}
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

func (c *plainCanonicalizer) number() {
	end := skipNumber(c.src, c.pos)
	text := c.src[c.pos:end]
	c.pos = end
	if numberFits([]byte(text)) {
		c.dst = append(c.dst, text...)
		return
	}
	c.replaced++
	c.dst = append(append(append(c.dst, '"'), text...), '"')
}
func (c *plainCanonicalizer) unquote() string {
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
		r, size, ok := plainUnescape(body[i:])
		if !ok || r == 0 {
			c.replaced++
			r = utf8.RuneError
		}
		out = utf8.AppendRune(out, r)
		i += size
	}
	return string(out)
}
func plainUnescape(s string) (r rune, size int, ok bool) {
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
		r = hexRune([]byte(s))
		if !utf16.IsSurrogate(r) {
			return r, 6, true
		}
		if pair := utf16.DecodeRune(r, hexRune([]byte(s[min(6, len(s)):]))); pair != utf8.RuneError {
			return pair, 12, true
		}
		return 0, min(6, len(s)), false
	}
	return rune(s[1]), 2, true
}
func (c *plainCanonicalizer) appendString(dst []byte, s string) []byte {
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
