package polyai

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Page is an answer that is being read: its conversations one by one, then its cursor.
type Page struct {
	request  string
	body     *idleReader
	dec      *jsontext.Decoder
	server   time.Time
	byOffset bool
	offset   int64 // of its first conversation
	limit    int64 // that was asked for
	count    int64 // conversations read

	inList, listed, done bool
	cursor, next         string
	err                  error
}

func newPage(res *http.Response, request string, cancel context.CancelCauseFunc, idle time.Duration, byOffset bool) *Page {
	p := &Page{request: request, byOffset: byOffset}
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
				p.count++
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
		p.next = ""
		if n, err := strconv.ParseInt(v.Text(), 10, 64); err == nil && n > 0 {
			p.next = offsetCursor + strconv.FormatInt(n, 10)
		}
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

// Cursor leads to the next page; "" when this was the last. It is known once
// Next has returned io.EOF.
func (p *Page) Cursor() string {
	if !p.done {
		return ""
	}
	full := p.count > 0 && p.count >= p.limit
	switch {
	case p.cursor != "":
		return p.cursor
	case p.count == 0: // whatever it says: nothing lies behind an empty page
		return ""
	case p.byOffset && p.next == "" && full: // it names no next one, and there may be one
		return offsetCursor + strconv.FormatInt(p.offset+p.count, 10)
	case !p.byOffset && !full: // a service that goes by cursors is at its end
		return ""
	}
	return p.next
}

// Bytes is what was read so far, decompressed.
func (p *Page) Bytes() int64 { return p.body.n }

// ServerTime is the time of the answer by the server's clock; zero when it does
// not say.
func (p *Page) ServerTime() time.Time { return p.server }

// Close ends the reading.
func (p *Page) Close() error { return p.body.close() }

// idleReader reads a body and ends the request when nothing comes for too long.
type idleReader struct {
	body    io.ReadCloser
	cancel  context.CancelCauseFunc
	idle    time.Duration
	timer   *time.Timer
	stalled atomic.Bool
	n       int64
}

func newIdleReader(body io.ReadCloser, cancel context.CancelCauseFunc, idle time.Duration) *idleReader {
	r := &idleReader{body: body, cancel: cancel, idle: idle}
	r.timer = time.AfterFunc(idle, func() {
		r.stalled.Store(true)
		cancel(errStalled)
	})
	r.timer.Stop()
	return r
}

func (r *idleReader) Read(b []byte) (int, error) {
	r.timer.Reset(r.idle)
	n, err := r.body.Read(b)
	r.timer.Stop()
	r.n += int64(n)
	return n, err
}

// cause is why the reading ended, where it was for the time that passed.
func (r *idleReader) cause() error {
	if !r.stalled.Load() {
		return nil
	}
	return fmt.Errorf("%w: nothing came for %s", errStalled, r.idle)
}

func (r *idleReader) close() error {
	r.timer.Stop()
	err := r.body.Close()
	r.cancel(nil)
	return err
}
