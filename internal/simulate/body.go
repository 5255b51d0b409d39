package simulate

import (
	"compress/gzip"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

var gzips = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is valid
	return w
}}

// errCut ends a body early.
var errCut = errors.New("the body is cut")

// send sends the list, compressed if the client accepts that, or the part of it
// that the request's fault permits.
func (s *Simulator) send(w http.ResponseWriter, r *request, l *list) {
	w.Header().Set("Content-Type", "application/json")
	if r.fault == DripBody {
		drip(w, r)
		return
	}
	b := body{dst: w, flush: func() { _ = http.NewResponseController(w).Flush() }, left: s.o.Faults.afterBytes()}
	if s.o.Gzip && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzips.Get().(*gzip.Writer)
		defer gzips.Put(z)
		z.Reset(w)
		flush := b.flush
		b.dst, b.flush = z, func() { _ = z.Flush(); flush() }
		// An error means that the client has disconnected.
		defer func() { _ = z.Close() }()
	}
	b.then = interruption(w, r)
	_ = l.write(&b)
}

// drip sends one space per second.
func drip(w http.ResponseWriter, r *request) {
	for pause(r.Request, time.Second) {
		if _, err := io.WriteString(w, " "); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush() // a disconnected client is detected above
	}
}

// interruption returns the function that interrupts a body; nil without a fault.
func interruption(w http.ResponseWriter, r *request) func(*body) error {
	switch r.fault {
	case CutBody:
		return func(*body) error { return errCut }
	case Malformed:
		return func(b *body) error {
			// Invalid JSON, inside and outside of a string.
			_, err := io.WriteString(b.dst, "\n!upstream!\n\"!")
			return err
		}
	case StallBody:
		return func(b *body) error {
			b.flush()
			<-r.Context().Done()
			return errCut
		}
	case Reset:
		return func(b *body) error {
			b.flush()
			reset(w)
			return errCut
		}
	}
	return nil
}

// reset ends a TCP connection with a reset, and any other with an abort.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// body writes a response. After left bytes, it calls then once.
type body struct {
	dst   io.Writer
	flush func()
	left  int
	then  func(*body) error
}

func (b *body) Write(p []byte) (int, error) {
	if b.then == nil || len(p) <= b.left {
		b.left -= len(p)
		return b.dst.Write(p)
	}
	if _, err := b.dst.Write(p[:b.left]); err != nil {
		return 0, err
	}
	then := b.then
	b.then = nil
	if err := then(b); err != nil {
		return b.left, err
	}
	n, err := b.dst.Write(p[b.left:])
	return b.left + n, err
}
