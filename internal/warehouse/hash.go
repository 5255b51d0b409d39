package warehouse

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash/fnv"
	"strconv"
	"sync"
	"unsafe"
)

// maxPooledBytes is the largest buffer that is kept for the next conversation.
const maxPooledBytes = 1 << 20

var hashBuffers = sync.Pool{New: func() any { return new([]byte) }}

// Hash returns the content hash: SHA-256 (hex) over the canonical rows of the
// conversation and its parts, without volatile columns and additive parts. JSON is
// compared by value: 1.50 and 15e-1 have the same hash.
func (r *Rows) Hash() string {
	buf := hashBuffers.Get().(*[]byte)
	defer hashBuffers.Put(buf)
	b := Conversations.layout().appendContent((*buf)[:0], unsafe.Pointer(&r.Conversation))
	for _, p := range Parts {
		if !p.AddsOnly() {
			b = p.appendContent(b, r)
		}
	}
	if cap(b) <= maxPooledBytes {
		*buf = b
	}
	sum := sha256.Sum256(b)
	var text [2 * sha256.Size]byte
	hex.Encode(text[:], sum[:])
	return string(text[:])
}

// HashID returns the hash that represents the id of a conversation where millions
// of them are compared: in the memory of a run, and in a lake's log of ids. That is
// stored, so the hash never changes. Two ids can have the same hash.
func HashID(id string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(id))
	return h.Sum64()
}

func appendContents[R any](dst []byte, t *Table[R], rows []R) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(rows)))
	l := t.layout()
	for i := range rows {
		dst = l.appendContent(dst, unsafe.Pointer(&rows[i]))
	}
	return dst
}

// AppendValue appends the value of the document to dst. Documents that are equal
// by value append the same bytes, independent of the order of their members and
// the notation of their numbers.
func (j JSON) AppendValue(dst []byte) []byte {
	canonical, _ := Canonical(string(j))
	return appendJSONContent(dst, string(canonical))
}

// appendJSONContent appends canonical JSON with normalized numbers, and a NUL as
// the end mark, which cannot occur in JSON.
func appendJSONContent(dst []byte, s string) []byte {
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '"':
			end := skipString(s, i)
			dst = append(dst, s[i:end]...)
			i = end
		case c == '-' || c >= '0' && c <= '9':
			end := skipNumber(s, i)
			dst = appendNumberContent(dst, s[i:end])
			i = end
		default:
			dst = append(dst, c)
			i++
		}
	}
	return append(dst, 0)
}

// appendNumberContent appends a JSON number in normalized form: digits without
// leading and trailing zeros, sign, exponent.
func appendNumberContent(dst []byte, s string) []byte {
	mantissa, exponent := s, 0
	if i := indexExponent(s); i >= 0 {
		mantissa = s[:i]
		exponent, _ = strconv.Atoi(s[i+1:]) // Canonical keeps exponents small
	}
	negative := mantissa[0] == '-'
	if negative {
		mantissa = mantissa[1:]
	}
	start := len(dst)
	for i := range len(mantissa) {
		if mantissa[i] == '.' {
			exponent -= len(mantissa) - i - 1
			continue
		}
		dst = append(dst, mantissa[i])
	}
	digits := bytes.TrimLeft(dst[start:], "0")
	trimmed := bytes.TrimRight(digits, "0")
	exponent += len(digits) - len(trimmed)
	if len(trimmed) == 0 {
		return append(dst[:start], '0')
	}
	dst = append(dst[:start], trimmed...)
	if negative {
		dst = append(dst, '-')
	}
	dst = append(dst, 'e')
	return strconv.AppendInt(dst, int64(exponent), 10)
}

func indexExponent[T ~string | ~[]byte](s T) int {
	for i := range len(s) {
		if s[i]|0x20 == 'e' {
			return i
		}
	}
	return -1
}
