package polyai

import (
	"cmp"
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"strconv"
	"time"
)

// Page is a response that is read as a stream: first its conversations, then its cursor.
type Page struct {
	request     string
	body        *idleReader
	framer      framer
	server      time.Time
	mayOmitNext bool

	at           place
	listed, done bool
	cursor       string
	offset       int64
	offsetNamed  bool
	refusal      refusal
	err          error
}

// place is the position in a page.
type place uint8

const (
	atStart     place = iota
	inPage            // after {
	behindName        // after a member
	inList            // after [ of the conversations
	behindValue       // after a conversation
)

func newPage(res *http.Response, request string, cancel context.CancelCauseFunc, idle time.Duration, mayOmitNext bool) *Page {
	p := &Page{request: request, mayOmitNext: mayOmitNext}
	p.body = newIdleReader(res.Body, cancel, idle)
	p.framer.src = p.body
	p.server, _ = http.ParseTime(res.Header.Get("Date"))
	return p
}

// Next returns the next conversation. After the last one it returns io.EOF, once the
// complete page was read and is well-formed. The value is valid until the next call; one
// of more than LargeBytes stays valid.
//
// A [*BrokenError] is about one conversation: Next can be called for the others. Any
// other error is a [*TransportError], and the page has to be requested again.
//
// Next returns a stub, which [Decode] rejects, for a conversation over
// Options.MaxConversationBytes. It waits while another page of this process has a large
// conversation in memory.
func (p *Page) Next() (Value, error) {
	if p.err != nil {
		return nil, p.err
	}
	v, err := p.read()
	if broken := (*BrokenError)(nil); errors.As(err, &broken) {
		return nil, broken
	}
	if err != nil {
		p.err = err
		if !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			p.err = p.describe(err)
		}
	}
	return v, p.err
}

// read reads up to the next conversation or the end.
func (p *Page) read() (Value, error) {
	if p.at == atStart {
		p.framer.skipMark()
		if err := p.open(); err != nil {
			return nil, err
		}
	}
	for {
		if p.at == inList || p.at == behindValue {
			if v, listed, err := p.element(); listed || err != nil {
				return v, err
			}
		}
		if err := p.member(); err != nil {
			return nil, err
		}
	}
}

// open reads the opening bracket of the page.
func (p *Page) open() error {
	c, err := p.framer.peek()
	if err != nil {
		return unexpected(err)
	}
	v := Value{c}
	switch {
	case c == '{':
		p.at = inPage
		_, err = p.framer.token('{')
		return err
	case v.Kind() == Number && c != '-' && (c < '0' || c > '9'):
		return p.framer.malformed()
	}
	return errNotAPage
}

// element reads the next conversation; listed is false at the end of the list.
func (p *Page) element() (v Value, listed bool, err error) {
	c, err := p.framer.peek()
	if err != nil {
		return nil, false, unexpected(err)
	}
	if c == ']' {
		p.at = behindName
		_, err = p.framer.token(']')
		return nil, false, err
	}
	if p.at == behindValue {
		if _, err := p.framer.token(','); err != nil {
			return nil, false, err
		}
	}
	v, size, checked, err := p.framer.checked(cmp.Or(p.framer.most, DefaultMaxConversationBytes), valueBytes)
	if err != nil {
		return nil, false, err
	}
	p.at, p.refusal.answered = behindValue, true
	p.body.floor.conversation()
	if size > int64(len(v)) {
		stub := stubOf(v, size)
		p.framer.decoded = len(stub)
		return stub, true, nil
	}
	if checked {
		return v, true, nil
	}
	switch inspect(v) {
	case sound:
		return v, true, nil
	case flawed:
		return nil, true, &BrokenError{Request: p.request, Value: v}
	}
	return nil, false, p.framer.malformed()
}

// member reads a member of the page up to the conversations, or the page's end.
func (p *Page) member() error {
	allowed := []byte{'}', ','}
	if p.at == inPage {
		allowed = []byte{'}', '"'}
	}
	c, err := p.framer.peek()
	if err == nil && (p.at != inPage || c != '"') {
		c, err = p.framer.token(allowed...)
	}
	switch {
	case err != nil:
		return unexpected(err)
	case c == '}':
		return p.end()
	}
	name, err := p.name()
	if err != nil {
		return err
	}
	p.at = behindName
	if c, err = p.framer.peek(); err != nil {
		return unexpected(err)
	}
	if name == "conversations" && c == '[' {
		p.at, p.listed = inList, true
		_, err = p.framer.token('[')
		return err
	}
	v, size, err := p.framer.value(maxMemberBytes, 0)
	switch {
	case err != nil:
		return err
	case size == int64(len(v)):
		return p.take(name, v)
	case name == "conversations" || name == "cursor" || name == "next_offset":
		return errTooLarge
	}
	return nil // unknown, and too large to store
}

// name reads the name of a member and the colon after it. It returns "" for a name that
// is too long.
func (p *Page) name() (string, error) {
	if c, err := p.framer.peek(); err != nil || c != '"' {
		return "", cmp.Or(unexpected(err), p.framer.malformed())
	}
	v, size, err := p.framer.value(maxMemberBytes, 0)
	switch {
	case err != nil:
		return "", err
	case size == int64(len(v)) && !IsSound(v):
		return "", p.framer.malformed()
	}
	name := ""
	if len(v) <= maxNameBytes {
		name = v.Text()
	}
	_, err = p.framer.token(':')
	return name, err
}

// take stores a member. An unknown member may be flawed: it is not used.
func (p *Page) take(name string, v Value) error {
	switch soundness := inspect(v); {
	case soundness == broken, soundness == flawed && (name == "conversations" || name == "cursor" || name == "next_offset"):
		return p.framer.malformed()
	}
	switch name {
	case "conversations":
		if p.listed = v.Kind() == Null; !p.listed {
			return errNotAPage
		}
	case "cursor":
		cursor, ok := parseCursor(v)
		if !ok {
			return errCursorForm
		}
		p.cursor = cursor
	case "next_offset":
		p.offset, p.offsetNamed = parseOffset(v)
	default:
		p.refusal.take(name, v)
	}
	return nil
}

// end checks that the response was a page, and that nothing follows it.
func (p *Page) end() error {
	if err := p.refusal.err(); err != nil {
		return err
	}
	if !p.listed {
		return errNotAPage
	}
	switch _, err := p.framer.peek(); {
	case err == nil:
		return errors.New("unexpected data after the page")
	case !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return err
	}
	p.done = true
	return io.EOF
}

func (p *Page) describe(err error) error {
	if cause := p.body.cause(); cause != nil {
		err = cause
	}
	return &TransportError{Request: p.request, Err: err}
}

var errCursorForm = errors.New("the cursor of the response is neither text nor null: the next page is not known")

// parseCursor reads the cursor; "" means that there is none. A value of another type is
// not ok: it may refer to a next page, and treating it as the end could lose rows.
func parseCursor(v Value) (cursor string, ok bool) {
	switch v.Kind() {
	case String, Number:
		return v.Text(), true
	case Null:
		return "", true
	}
	switch string(v) {
	case "false", "{}", "[]":
		return "", true
	}
	return "", false
}

// parseOffset reads next_offset. A value that is neither a number nor empty refers to a
// next page with an unknown offset: treating it as the end could lose rows.
func parseOffset(v Value) (offset int64, named bool) {
	text := v.Text()
	if v.Kind() == Null || text == "" || text == "false" {
		return 0, false
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(n) || n > math.MaxInt32 {
		return 0, true
	}
	return int64(max(n, 0)), n >= 0
}

// Link is the reference of a page to the next page.
type Link struct {
	Cursor       string // "" if there is none
	Offset       int64  // 0 if there is none, or if it cannot be read
	OffsetNamed  bool   // there is an offset, readable or not
	MayBeOmitted bool   // another page may follow although there is no reference (v1, v2)
}

// Named reports whether the source refers to another page.
func (l Link) Named() bool { return l.Cursor != "" || l.OffsetNamed }

// Link returns the reference to the next page. It is empty until Next has returned
// io.EOF.
func (p *Page) Link() Link {
	if !p.done {
		return Link{}
	}
	return Link{p.cursor, p.offset, p.offsetNamed, p.mayOmitNext}
}

// Cursor returns the cursor of the next page; "" if there is none.
func (p *Page) Cursor() string { return p.Link().Cursor }

// Bytes returns the number of bytes that were read so far, decompressed.
func (p *Page) Bytes() int64 { return p.body.n }

// ServerTime returns the Date of the response; zero if it has none.
func (p *Page) ServerTime() time.Time { return p.server }

// Close closes the response.
func (p *Page) Close() error {
	p.framer.done()
	return p.body.close()
}
