package polyai

import (
	"encoding/binary"
	"math/bits"
)

// Most bytes of a page are text, and each is scanned several times: to frame, to check
// and to decode it. The functions below scan eight bytes at a time. A word has bytes in
// their order, the first one in its lowest bits.

const (
	lowBits  = 0x0101010101010101 // the lowest bit of each byte of a word
	highBits = 0x8080808080808080 // the highest bit of each byte of a word
	wordSize = 8
)

// equal returns a word in which the highest bit of the first byte that equals c is set,
// and none before it. The bits after it are not exact.
func equal(word uint64, c byte) uint64 {
	x := word ^ lowBits*uint64(c)
	return (x - lowBits) &^ x & highBits
}

// skipString returns the end of the string that begins at at.
func skipString(v Value, at int) int {
	end, _ := scanString(v, at)
	return end
}

// scanString returns the end of the string that begins at at. It is plain if it consists
// of ASCII without escapes, so that its text is what is between the quotes.
func scanString(v Value, at int) (end int, plain bool) {
	var seen uint64 // all bits of the bytes that were passed
	for at++; at+wordSize <= len(v); at += wordSize {
		word := binary.LittleEndian.Uint64(v[at:])
		stop := equal(word, '"') | equal(word, '\\')
		if stop == 0 {
			seen |= word
			continue
		}
		bit := bits.TrailingZeros64(stop) // the highest one of its byte
		seen |= word & (1<<(bit-7) - 1)
		if at += bit / 8; v[at] == '"' {
			return at + 1, seen&highBits == 0
		}
		return skipEscaped(v, at), false
	}
	for ; at < len(v); at++ {
		switch v[at] {
		case '"':
			return at + 1, seen&highBits == 0
		case '\\':
			return skipEscaped(v, at), false
		}
		seen |= uint64(v[at])
	}
	return len(v), false
}

// skipEscaped returns the end of the string that has a backslash at at.
func skipEscaped(v Value, at int) int {
	for at += 2; at < len(v); {
		if at = nextSpecial(v, at); at == len(v) {
			break
		}
		switch v[at] {
		case '"':
			return at + 1
		case '\\':
			at += 2 // skip the escaped character, too
		default:
			at++
		}
	}
	return len(v)
}

// special returns a word in which the highest bit of the first byte is set that has a
// meaning in a string, and none before it. The bits after it are not exact.
func special(word uint64) uint64 {
	// A quote and what is below a space are, with their second bit inverted, what is
	// below 0x21. Each subtraction sets the highest bit of ASCII for those only.
	quoteOrControl := (word ^ lowBits*2) - lowBits*(firstPrintable+1)
	backslash := (word ^ lowBits*'\\') - lowBits
	return (quoteOrControl | backslash) &^ word & highBits
}

// nextSpecial returns the position of the next byte at or after at that has a meaning in
// a string: a quote, a backslash, or a control character, which must not occur.
func nextSpecial(v []byte, at int) int {
	for ; at+wordSize <= len(v); at += wordSize {
		word := binary.LittleEndian.Uint64(v[at:])
		if stop := special(word); stop != 0 {
			return at + bits.TrailingZeros64(stop)/8
		}
	}
	for ; at < len(v); at++ {
		if c := v[at]; c == '"' || c == '\\' || c < firstPrintable {
			return at
		}
	}
	return at
}
