package polyai

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Page is an answer that is being read: its conversations one by one, then its cursor.
type Page struct {
	request     string
	body        *idleReader
	dec         *jsontext.Decoder
	server      time.Time
	mayOmitNext bool

	inList, listed, done bool
	cursor               string
	offset               int64
	offsetNamed          bool
	err                  error
}

func newPage(res *http.Response, request string, cancel context.CancelCauseFunc, idle time.Duration, mayOmitNext bool) *Page {
	p := &Page{request: request, mayOmitNext: mayOmitNext}
	p.body = newIdleReader(res.Body, cancel, idle)
	p.dec = jsontext.NewDecoder(p.body, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	p.server, _ = http.ParseTime(res.Header.Get("Date"))
	return p
}

// Next returns the next conversation, which is good until the next call, and
// io.EOF after the last, when the whole page was read and found well-formed.
// Any other error is a [*TransportError]: the page is to be asked for again.
func (p *Page) Next() (Value, error) {
	if p.err != nil {
		return nil, p.err
	}
	v, err := p.read()
	if err != nil {
		p.err = err
		if !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			p.err = p.describe(err)
		}
	}
	return v, p.err
}

// read goes on to the next conversation or to the end.
func (p *Page) read() (Value, error) {
	if !p.listed && !p.inList && p.dec.InputOffset() == 0 {
		if err := p.open('{'); err != nil {
			return nil, err
		}
	}
	for {
		if p.inList {
			if p.dec.PeekKind() != ']' {
				v, err := p.dec.ReadValue()
				p.body.floor.conversation()
				return Value(v), unexpected(err)
			}
			p.inList = false
			if _, err := p.dec.ReadToken(); err != nil {
				return nil, unexpected(err)
			}
		}
		if err := p.member(); err != nil {
			return nil, err
		}
	}
}

func (p *Page) open(kind jsontext.Kind) error {
	token, err := p.dec.ReadToken()
	if err != nil {
		return unexpected(err)
	}
	if token.Kind() != kind {
		return errNotAPage
	}
	return nil
}

// member reads a member of the page up to the conversations, or the page's end.
func (p *Page) member() error {
	token, err := p.dec.ReadToken()
	if err != nil {
		return unexpected(err)
	}
	if token.Kind() == '}' {
		return p.end()
	}
	name := token.String()
	if name == "conversations" && p.dec.PeekKind() == '[' {
		p.inList, p.listed = true, true
		return p.open('[')
	}
	raw, err := p.dec.ReadValue()
	if err != nil {
		return unexpected(err)
	}
	v := Value(raw)
	switch name {
	case "conversations":
		if p.listed = v.Kind() == Null; !p.listed {
			return errNotAPage
		}
	case "cursor":
		p.cursor = ""
		if v.Kind() == String || v.Kind() == Number {
			p.cursor = v.Text()
		}
	case "next_offset":
		p.offset, p.offsetNamed = parseOffset(v)
	}
	return nil
}

// end makes sure that the page was one, and that nothing follows it.
func (p *Page) end() error {
	if !p.listed {
		return errNotAPage
	}
	if _, err := p.dec.ReadToken(); !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.Join(errors.New("something follows the page"), err)
	}
	p.done = true
	return io.EOF
}

// unexpected makes an end where none should be an error.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (p *Page) describe(err error) error {
	if cause := p.body.cause(); cause != nil {
		err = cause
	}
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) { // its text may quote the answer
		err = fmt.Errorf("the answer is not well-formed JSON at byte %d", syntax.ByteOffset)
	}
	return &TransportError{Request: p.request, Err: err}
}

// parseOffset reads next_offset. What is no number, and is not empty either,
// names a next page without its offset: taking it for the end could lose rows.
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

// Link is where a page leads, as the source states it.
type Link struct {
	Cursor       string // "" if there is none
	Offset       int64  // 0 if there is none, or if it cannot be read
	OffsetNamed  bool   // there is an offset, in whatever form
	MayBeOmitted bool   // another page may follow although the source names none (v1, v2)
}

// Named reports whether the source says that there is another page.
func (l Link) Named() bool { return l.Cursor != "" || l.OffsetNamed }

// Link returns where the page leads. It is empty until Next has returned io.EOF.
func (p *Page) Link() Link {
	if !p.done {
		return Link{}
	}
	return Link{p.cursor, p.offset, p.offsetNamed, p.mayOmitNext}
}

// Cursor is the cursor of the next page; "" if there is none.
func (p *Page) Cursor() string { return p.Link().Cursor }

// Bytes is what was read so far, decompressed.
func (p *Page) Bytes() int64 { return p.body.n }

// ServerTime is the time of the answer by the server's clock; zero when it does
// not say.
func (p *Page) ServerTime() time.Time { return p.server }

// Close ends the reading.
func (p *Page) Close() error { return p.body.close() }
