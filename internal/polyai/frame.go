package polyai

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
)

// Limits of what is in memory of a page. A larger value is read to its end without
// storing it: a small compressed response must not exhaust the memory.
const (
	// DefaultMaxConversationBytes is the default of Options.MaxConversationBytes.
	DefaultMaxConversationBytes = 64 << 20
	maxMemberBytes              = 1 << 20  // limit of the other members of a page, such as its cursor
	headBytes                   = 64 << 10 // kept of a value that is too large
)

// valueBytes is the size of each JSON value in the decoded size: {} with its comma has
// three bytes, but its row needs some hundred.
const valueBytes = 256

var errTooLarge = errors.New("the cursor of the response is larger than 1 MiB")

// framer splits a page into values while it arrives. It finds the end of a value by
// matching brackets and quotes; [inspect] checks the value. [prober] does both at once
// for usual values. They are not recursive, so deep nesting costs nothing, and the framer
// has one value in memory at a time.
type framer struct {
	src      io.Reader
	buf      []byte
	pos, end int                // buf[pos:end] is not consumed
	offset   int64              // position of buf[0] in the page
	err      error              // returned by src after its last byte
	most     int                // limit of the decoded size of a conversation; default DefaultMaxConversationBytes
	decoded  int                // decoded size of the last value
	brackets [typicalDepth]byte // memory for prober

	// reserve is called once per value before the buffer grows beyond LargeBytes,
	// release when that value is no longer in memory. Both may be nil.
	reserve  func() error
	release  func()
	reserved bool
}

const (
	firstBuffer = 64 << 10
	emptyReads  = 100 // consecutive ones, after which reading fails
)

// more appends the next part of the page to buf[pos:end]. It returns false if there is
// none.
func (f *framer) more() bool {
	if f.err != nil {
		return false
	}
	if f.pos > 0 {
		f.offset += int64(f.pos)
		f.end = copy(f.buf, f.buf[f.pos:f.end])
		f.pos = 0
	}
	if f.end == len(f.buf) {
		grown := make([]byte, min(max(firstBuffer, 2*len(f.buf)), f.limit()+firstBuffer))
		copy(grown, f.buf)
		f.buf = grown
	}
	for range emptyReads {
		n, err := f.src.Read(f.buf[f.end:])
		f.end += n
		f.err = err
		if n > 0 || err != nil {
			return n > 0
		}
	}
	f.err = io.ErrNoProgress
	return false
}

// skipMark skips the byte order mark that some services send before a page.
func (f *framer) skipMark() {
	const mark = "\xEF\xBB\xBF"
	for f.end-f.pos < len(mark) && f.more() { //nolint:revive // until there are enough bytes
	}
	if f.end-f.pos >= len(mark) && string(f.buf[f.pos:f.pos+len(mark)]) == mark {
		f.pos += len(mark)
	}
}

// peek skips white space and returns the next byte without consuming it. At the end it
// returns the error of the reader (io.EOF).
func (f *framer) peek() (byte, error) {
	for {
		for ; f.pos < f.end; f.pos++ {
			if c := f.buf[f.pos]; !isSpace(c) {
				return c, nil
			}
		}
		if !f.more() {
			return 0, f.err
		}
	}
}

// token consumes the next byte, which must be one of those allowed.
func (f *framer) token(allowed ...byte) (byte, error) {
	c, err := f.peek()
	if err != nil {
		return 0, unexpected(err)
	}
	for _, a := range allowed {
		if c == a {
			f.pos++
			return c, nil
		}
	}
	return 0, f.malformed()
}

// limit returns the largest decoded size of a value that is stored in memory.
func (f *framer) limit() int {
	return max(cmp.Or(f.most, DefaultMaxConversationBytes), maxMemberBytes)
}

// large reserves memory for a large value.
func (f *framer) large() error {
	if f.reserved || f.reserve == nil {
		return nil
	}
	err := f.reserve()
	f.reserved = err == nil
	return err
}

// done releases the reservation of the last value.
func (f *framer) done() {
	if f.reserved {
		f.reserved = false
		f.release()
	}
}

// value consumes the next value. v is valid until the next call; if it has more than
// LargeBytes, it stays valid. The decoded size is the number of bytes, or perValue for
// each value in it if that is more. If it is over most, v has only the first bytes, and
// size is larger than len(v).
func (f *framer) value(most, perValue int) (v Value, size int64, err error) {
	f.done()
	if _, err := f.peek(); err != nil {
		return nil, 0, unexpected(err)
	}
	var m matcher
	for n := 0; ; {
		used, whole := m.scan(f.buf[f.pos+n : f.end])
		n += used
		f.decoded = max(n, perValue*m.values)
		switch {
		case whole && n == 0:
			return nil, 0, f.malformed()
		case f.decoded > most || n == most && !whole:
			return f.skip(&m, n, min(n-1, most, headBytes), whole)
		case n > LargeBytes && f.large() != nil:
			return nil, 0, errNotReserved
		case whole:
			return f.take(n), int64(n), nil
		case !f.more():
			return nil, 0, unexpected(f.err)
		}
	}
}

// checked consumes the next value like value. If sound is true, it is well-formed; if it
// is false, this is not known.
func (f *framer) checked(most, perValue int) (v Value, size int64, sound bool, err error) {
	f.done()
	if _, err := f.peek(); err != nil {
		return nil, 0, false, unexpected(err)
	}
	if n := f.probe(min(most, LargeBytes), perValue); n > 0 {
		return f.take(n), int64(n), true, nil
	}
	v, size, err = f.value(most, perValue)
	return v, size, false, err
}

// probe returns the end of the next value if it is a well-formed object whose decoded
// size is not over most; otherwise 0. It consumes nothing.
func (f *framer) probe(most, perValue int) int {
	p := prober{open: f.brackets[:0]}
	for {
		result := p.scan(f.buf[f.pos:f.end])
		f.decoded = max(p.at, perValue*p.values)
		switch {
		case result == doubtful || f.decoded > most || result == incomplete && f.end-f.pos >= most:
			return 0
		case result == complete:
			return p.at
		case !f.more():
			return 0
		}
	}
}

// take consumes a value of n bytes. A large value takes over the buffer, so that the
// caller needs no copy.
func (f *framer) take(n int) Value {
	v := f.buf[f.pos : f.pos+n : f.pos+n]
	f.pos += n
	if n > LargeBytes {
		f.offset += int64(f.pos)
		rest := f.buf[f.pos:f.end]
		f.buf = make([]byte, max(firstBuffer, len(rest)))
		f.pos, f.end = 0, copy(f.buf, rest)
	}
	return v
}

// skip consumes the rest of a value of which n bytes are in the buffer. It returns the
// first most bytes of it.
func (f *framer) skip(m *matcher, n, most int, whole bool) (head Value, size int64, err error) {
	head, size = bytes.Clone(f.buf[f.pos:f.pos+most]), int64(n)
	f.pos += n
	for !whole {
		if len(f.buf) > maxMemberBytes {
			f.offset += int64(f.pos)
			f.buf, f.pos, f.end = nil, 0, 0
		}
		if !f.more() {
			return nil, 0, unexpected(f.err)
		}
		var used int
		used, whole = m.scan(f.buf[f.pos:f.end])
		f.pos += used
		size += int64(used)
	}
	return head, size, nil
}

// malformed returns the error for an unexpected byte at the current position.
func (f *framer) malformed() error {
	return fmt.Errorf("%w at byte %d", errMalformed, f.offset+int64(f.pos))
}

var errMalformed = errors.New("the response is not well-formed JSON")

// unexpected turns io.EOF into io.ErrUnexpectedEOF.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

// matcher finds the end of a value that arrives in parts.
type matcher struct {
	begun   bool
	scalar  bool // no brackets or quotes: it ends before a byte that cannot belong to it
	quoted  bool // inside a string
	escaped bool // after a backslash in a string
	depth   int
	values  int // commas and brackets: at least one per value except the first
}

// scan reads the next part of the value and returns how much of it belongs to the
// value. If whole is false, the complete part does.
func (m *matcher) scan(part []byte) (used int, whole bool) {
	if !m.begun && len(part) > 0 {
		m.begun = true
		m.scalar = part[0] != '{' && part[0] != '[' && part[0] != '"'
	}
	if m.scalar {
		for i, c := range part {
			if endsScalar(c) {
				return i, true
			}
		}
		return len(part), false
	}
	for i := 0; i < len(part); i++ {
		if m.quoted {
			if i = m.string(part, i); i == len(part) {
				break
			}
			if m.depth == 0 { // the string is the value
				return i + 1, true
			}
			continue
		}
		switch part[i] {
		case '"':
			m.quoted = true
		case ',':
			m.values++
		case '{', '[':
			m.depth++
			m.values++
		case '}', ']':
			if m.depth--; m.depth <= 0 {
				return i + 1, true
			}
		}
	}
	return len(part), false
}

// string reads a part of a string and returns the position of the quote that ends it, or
// the length of the part.
func (m *matcher) string(part []byte, i int) int {
	quote := -1 // position of the next one at or after i
	for i < len(part) {
		if m.escaped {
			m.escaped = false
			i++
			continue
		}
		if quote < i {
			if quote = bytes.IndexByte(part[i:], '"'); quote >= 0 {
				quote += i
			} else {
				quote = len(part)
			}
		}
		if at := bytes.IndexByte(part[i:quote], '\\'); at >= 0 {
			m.escaped = true
			i += at + 1
			continue
		}
		if i = quote; i < len(part) {
			m.quoted = false
			return i
		}
	}
	return len(part)
}

func endsScalar(c byte) bool {
	switch c {
	case ',', ':', ']', '}', '[', '{', '"':
		return true
	}
	return isSpace(c)
}
