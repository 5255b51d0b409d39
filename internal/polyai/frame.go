package polyai

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
)

// What is held of a page at most. What is larger is read on to its end, and not
// held: a small compressed answer must not exhaust the memory.
const (
	// DefaultMaxConversationBytes is the limit of a conversation's decoded size.
	DefaultMaxConversationBytes = 64 << 20
	maxMemberBytes              = 1 << 20  // of the page itself, such as its cursor
	headBytes                   = 64 << 10 // held of what is too large
)

// valueBytes is what each JSON value counts in the decoded size: {} takes three
// bytes with its comma, and a row of it some hundred.
const valueBytes = 256

var errTooLarge = errors.New("the cursor of the answer is larger than 1 MiB")

// framer cuts a page into values while it arrives. It finds the end of a value
// by matching brackets and quotes and does not check what is in between: see
// [inspect]. It is not recursive, so that nesting costs nothing, and holds one
// value at a time.
type framer struct {
	src      io.Reader
	buf      []byte
	pos, end int   // buf[pos:end] is not consumed yet
	offset   int64 // of buf[0] in the page
	err      error // of src, after its last byte
	most     int   // decoded size of a conversation; DefaultMaxConversationBytes unless set
	decoded  int   // size of the last value

	// reserve is called once per value, before the buffer grows beyond
	// LargeBytes; release when that value is no longer held. Both may be nil.
	reserve  func() error
	release  func()
	reserved bool
}

const (
	firstBuffer = 64 << 10
	emptyReads  = 100 // in a row, after which a reader is given up
)

// more reads the next part of the page behind buf[pos:end]; false: there is none.
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

// skipMark skips the byte order mark that some services put before a page.
func (f *framer) skipMark() {
	const mark = "\xEF\xBB\xBF"
	for f.end-f.pos < len(mark) && f.more() { //nolint:revive // until there are enough bytes
	}
	if f.end-f.pos >= len(mark) && string(f.buf[f.pos:f.pos+len(mark)]) == mark {
		f.pos += len(mark)
	}
}

// peek skips white space and returns the next byte without consuming it, or the
// error of the reader (io.EOF at the end).
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

// token consumes the next byte, which must be one of those given.
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

// limit is the largest decoded size of a value that is held.
func (f *framer) limit() int {
	return max(cmp.Or(f.most, DefaultMaxConversationBytes), maxMemberBytes)
}

// large reserves memory for a value that needs much of it.
func (f *framer) large() error {
	if f.reserved || f.reserve == nil {
		return nil
	}
	err := f.reserve()
	f.reserved = err == nil
	return err
}

// done releases what was reserved for the last value.
func (f *framer) done() {
	if f.reserved {
		f.reserved = false
		f.release()
	}
}

// value consumes the next value, which is valid until the next call, or for as
// long as it is used when it has more than LargeBytes. Of one whose decoded size
// is over most, its bytes or perValue for each value in it, it returns the first
// bytes: size is larger than len(v).
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

// take consumes n bytes, a value. One that is large gets the buffer, so that its
// receiver needs no copy.
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

// skip consumes the rest of a value of which n bytes are known, and returns the
// first of them, most bytes.
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

// malformed is the error of what stands at the next byte.
func (f *framer) malformed() error {
	return fmt.Errorf("%w at byte %d", errMalformed, f.offset+int64(f.pos))
}

var errMalformed = errors.New("the answer is not well-formed JSON")

// unexpected makes an end where none should be an error.
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
	scalar  bool // neither brackets nor quotes: it ends before what cannot belong to it
	quoted  bool // inside a string
	escaped bool // behind a backslash of a string
	depth   int
	values  int // commas and brackets: of each value one at least, but for the first
}

// scan goes on with the next part of the value and returns how much of it
// belongs to the value. The value is whole, or the part is used up.
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

// string goes on in a string and returns the place of the quote that ends it,
// or the length of the part.
func (m *matcher) string(part []byte, i int) int {
	quote := -1 // the next one at or behind i
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
