package polyai

// soundness says how well-formed a value is.
type soundness uint8

const (
	// broken: brackets, commas or quotes do not match. The real end of the value is
	// not known.
	broken soundness = iota
	// flawed: the structure is correct and the end is certain, but a part is not
	// JSON: NaN, a raw line break in a string, an unknown escape.
	flawed
	// sound: well-formed JSON. Names may occur twice, and text may be invalid UTF-8.
	sound
)

// IsSound reports whether v is one well-formed JSON value.
func IsSound(v Value) bool { return inspect(v) == sound }

// inspect checks a value without recursion, so that it can be nested deeply.
func inspect(v []byte) soundness {
	var few [typicalDepth]byte
	in := inspector{v: v, result: sound, open: few[:0]}
	for in.at < len(v) && in.result != broken {
		in.next()
	}
	if in.wants != nothing {
		return broken
	}
	return in.result
}

// wanted says which token may come next.
type wanted uint8

const (
	aValue      wanted = iota
	aValueOrEnd        // after [
	aName              // after a comma of an object
	aNameOrEnd         // after {
	aColon             // after a name
	aCommaOrEnd        // after a nested value
	nothing            // after the value
)

const (
	typicalDepth   = 64
	firstPrintable = 0x20 // a string must escape what is below
)

type inspector struct {
	v      []byte
	at     int
	wants  wanted
	result soundness
	open   []byte // open brackets
}

// next reads the next token.
func (in *inspector) next() {
	c := in.v[in.at]
	switch {
	case isSpace(c):
		in.at++
	case c == ',':
		in.expect(aCommaOrEnd)
		in.wants = aValue
		if in.inObject() {
			in.wants = aName
		}
	case c == ':':
		in.expect(aColon)
		in.wants = aValue
	case c == '}' || c == ']':
		in.close(c)
	case c == '"' && (in.wants == aName || in.wants == aNameOrEnd):
		in.string()
		in.wants = aColon
		in.follows(':')
	case in.wants != aValue && in.wants != aValueOrEnd:
		in.result = broken
	case c == '{' || c == '[':
		in.open = append(in.open, c)
		in.at++
		in.wants = aValueOrEnd
		if c == '{' {
			in.wants = aNameOrEnd
		}
	case c == '"':
		in.string()
		in.ended()
	default:
		in.word()
		in.ended()
	}
}

// expect reads one byte, which must be the wanted token.
func (in *inspector) expect(w wanted) {
	if in.wants != w {
		in.result = broken
	}
	in.at++
}

func (in *inspector) inObject() bool { return len(in.open) > 0 && in.open[len(in.open)-1] == '{' }

// close reads a closing bracket.
func (in *inspector) close(c byte) {
	fits := in.wants == aCommaOrEnd || in.wants == aNameOrEnd || in.wants == aValueOrEnd
	if !fits || in.inObject() != (c == '}') {
		in.result = broken
		return
	}
	in.open = in.open[:len(in.open)-1]
	in.at++
	in.ended()
}

// ended records the end of a value.
func (in *inspector) ended() {
	in.wants = aCommaOrEnd
	if len(in.open) == 0 {
		in.wants = nothing
		return
	}
	in.follows(',')
}

// follows reads the next token if it is the given one, which is the usual case and
// saves a call of next.
func (in *inspector) follows(c byte) {
	if in.at >= len(in.v) || in.v[in.at] != c {
		return
	}
	in.at++
	in.wants = aValue
	if c == ',' && in.inObject() {
		in.wants = aName
	}
}

// flaw records that a part is not JSON, although its end is certain.
func (in *inspector) flaw() { in.result = min(in.result, flawed) }

// string reads a string.
func (in *inspector) string() {
	for in.at = nextSpecial(in.v, in.at+1); in.at < len(in.v); in.at = nextSpecial(in.v, in.at+1) {
		switch in.v[in.at] {
		case '"':
			in.at++
			return
		case '\\':
			in.escape()
		default:
			in.flaw()
		}
	}
	in.result = broken
}

// escape reads an escape up to its last byte.
func (in *inspector) escape() {
	in.at++
	if in.at == len(in.v) {
		return // the string does not end
	}
	c := in.v[in.at]
	if c != 'u' {
		if escaped[c] == 0 {
			in.flaw()
		}
		return
	}
	for i := in.at + 1; i <= in.at+4; i++ {
		if i >= len(in.v) || !isHex(in.v[i]) {
			in.flaw()
			return // the rest is text
		}
	}
	in.at += 4
}

// word reads a number, true, false or null, or anything else in its place.
func (in *inspector) word() {
	from := in.at
	for in.at < len(in.v) && !endsScalar(in.v[in.at]) {
		if !inWord(in.v[in.at]) {
			in.result = broken
			return
		}
		in.at++
	}
	switch w := string(in.v[from:in.at]); {
	case w == "true" || w == "false" || w == "null" || isNumber(w):
	default:
		in.flaw()
	}
}

// inWord reports whether a byte belongs to a number or a name such as NaN,
// -Infinity or undefined.
func inWord(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '+' || c == '-' || c == '.' || c == '_'
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' }
