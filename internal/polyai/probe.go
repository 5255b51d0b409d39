package polyai

import (
	"encoding/binary"
	"math/bits"
)

// prober finds the end of a conversation that arrives in parts, and checks in the same
// pass that it is well-formed. That is what [matcher] and [inspect] do one after the
// other, which takes twice the time.
//
// It is for the usual case, an object of well-formed JSON: it gives up on anything else,
// and then they decide. It is not recursive.
type prober struct {
	at       int // what is before it was checked
	wants    wanted
	quoted   bool // at is inside a string
	inObject bool // the innermost open bracket is {
	values   int  // as in matcher
	open     []byte
}

// verdict is the result of a scan.
type verdict uint8

const (
	incomplete verdict = iota // it may be well-formed, and does not end in what was read
	complete                  // it is well-formed, and ends at prober.at
	doubtful                  // it is not well-formed, or not an object
)

// scan continues to check a value that begins at v[0]. If it is incomplete, it must be
// called again with more of the value.
func (p *prober) scan(v []byte) verdict {
	for p.at < len(v) {
		var result verdict
		switch c := v[p.at]; {
		case p.quoted || c == '"':
			result = p.string(v)
		case c == ',' && p.wants == aCommaOrEnd:
			p.values++
			p.at++
			p.wants = aValue
			if p.inObject {
				p.wants = aName
			}
			continue
		case c == ':' && p.wants == aColon:
			p.at++
			p.wants = aValue
			continue
		case isSpace(c):
			p.at++
			continue
		case c == '{' || c == '[':
			result = p.begin(c)
		case c == '}' || c == ']':
			result = p.end(c)
		default:
			result = p.word(v)
		}
		if result != complete || len(p.open) == 0 {
			return result
		}
	}
	return incomplete
}

// begin reads an opening bracket. The value itself is an object.
func (p *prober) begin(c byte) verdict {
	if p.wants != aValue && p.wants != aValueOrEnd || len(p.open) == 0 && c != '{' {
		return doubtful
	}
	p.open = append(p.open, c)
	p.values++
	p.at++
	p.inObject, p.wants = c == '{', aValueOrEnd
	if p.inObject {
		p.wants = aNameOrEnd
	}
	return complete
}

// end reads a closing bracket.
func (p *prober) end(c byte) verdict {
	fits := p.wants == aCommaOrEnd || p.wants == aNameOrEnd || p.wants == aValueOrEnd
	if !fits || p.inObject != (c == '}') {
		return doubtful
	}
	p.open = p.open[:len(p.open)-1]
	p.inObject = len(p.open) > 0 && p.open[len(p.open)-1] == '{'
	p.at++
	p.wants = aCommaOrEnd
	return complete
}

// string reads a string, or the rest of one, as far as there is.
func (p *prober) string(v []byte) verdict {
	at := p.at
	if !p.quoted {
		if p.wants > aNameOrEnd || len(p.open) == 0 {
			return doubtful
		}
		at++
	}
	for {
		// As nextSpecial, which is not inlined: most strings are short.
		for at+wordSize <= len(v) {
			if stop := special(binary.LittleEndian.Uint64(v[at:])); stop != 0 {
				at += bits.TrailingZeros64(stop) / 8
				break
			}
			at += wordSize
		}
		if at+wordSize > len(v) {
			at = nextSpecial(v, at)
		}
		p.at, p.quoted = at, true
		if at == len(v) {
			return incomplete
		}
		switch v[at] {
		case '"':
			p.quoted = false
			if p.wants = afterString[p.wants]; p.wants == aColon && at+1 < len(v) && v[at+1] == ':' {
				at++ // the usual case, without another turn of scan
				p.wants = aValue
			}
			p.at = at + 1
			return complete
		case '\\':
			if result := p.escape(v); result != complete {
				return result
			}
			at = p.at
		default:
			return doubtful
		}
	}
}

// afterString says what may follow a string in the place of a value or a name.
var afterString = [...]wanted{aValue: aCommaOrEnd, aValueOrEnd: aCommaOrEnd, aName: aColon, aNameOrEnd: aColon}

// escape reads an escape, if all of it is there.
func (p *prober) escape(v []byte) verdict {
	const short, long = 2, 6 // \n, \u000a
	switch rest := v[p.at:]; {
	case len(rest) < short:
		return incomplete
	case rest[1] != 'u' && escaped[rest[1]] != 0:
		p.at += short
		return complete
	case rest[1] != 'u':
		return doubtful
	case len(rest) < long:
		return incomplete
	case isHex(rest[2]) && isHex(rest[3]) && isHex(rest[4]) && isHex(rest[5]):
		p.at += long
		return complete
	}
	return doubtful
}

// maxWord limits the words that are read: a longer one is no usual number.
const maxWord = 64

// word reads a number, true, false or null, if what follows it is there, too.
func (p *prober) word(v []byte) verdict {
	if p.wants != aValue && p.wants != aValueOrEnd || len(p.open) == 0 {
		return doubtful
	}
	rest := v[p.at:]
	n := 0
	for n < len(rest) && !endsScalar(rest[n]) {
		n++
	}
	switch word := Value(rest[:n]); {
	case n > maxWord:
		return doubtful
	case n == len(rest):
		return incomplete
	case isNumber(word), string(word) == "false", string(word) == "true", string(word) == "null":
		p.at += n
		p.wants = aCommaOrEnd
		return complete
	}
	return doubtful
}
