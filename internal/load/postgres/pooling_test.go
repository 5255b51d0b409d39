package postgres

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// pooler is a transaction pooler. It assigns a session of the server for each
// transaction: the one that was returned last, or in rotation. While it is not
// pooling, each client keeps its first session.
type pooler struct {
	database string
	pooling  atomic.Bool
	inTurns  atomic.Bool
	lingers  atomic.Bool // sessions outlive their clients
	// byStatement makes the pooler reject transactions, like PgBouncer with
	// statement pooling.
	byStatement bool
	size        int // number of sessions; 0: unlimited

	mu     sync.Mutex
	idle   []*pgconn.HijackedConn
	open   int
	closed bool
	freed  sync.Cond // with mu: signals that sessions were freed
}

func (p *pooler) take(t *testing.T) *pgconn.HijackedConn {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.size > 0 && p.open == p.size && len(p.idle) == 0 && !p.closed {
		p.freed.Wait()
	}
	if p.closed {
		return nil
	}
	// In rotation another session must be available.
	if n := len(p.idle); n > 0 && (!p.inTurns.Load() || n > 2) {
		at := n - 1
		if p.inTurns.Load() {
			at = 0
		}
		s := p.idle[at]
		p.idle = append(p.idle[:at], p.idle[at+1:]...)
		return s
	}
	conn, err := pgconn.Connect(t.Context(), p.database)
	if err != nil {
		return nil
	}
	// Under load pgconn may still be reading in the background, and would consume
	// the first response for the client.
	if err := conn.SyncConn(t.Context()); err != nil {
		return nil
	}
	s, err := conn.Hijack()
	if err != nil {
		return nil
	}
	p.open++
	return s
}

// end ends a session in its current state, perhaps in a transaction.
func (p *pooler) end(s *pgconn.HijackedConn) {
	s.Conn.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open--
	p.freed.Broadcast()
}

func (p *pooler) giveBack(s *pgconn.HijackedConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, s)
	p.freed.Broadcast()
}

// close ends the idle sessions, and wakes the clients that wait for one.
func (p *pooler) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.freed.Broadcast()
	for _, s := range p.idle {
		s.Conn.Close()
	}
}

func (p *pooler) serve(t *testing.T, client net.Conn) {
	if _, err := readStartup(client); err != nil {
		return
	}
	client.Write([]byte("R\x00\x00\x00\x08\x00\x00\x00\x00" + "S\x00\x00\x00\x19client_encoding\x00UTF8\x00" +
		"S\x00\x00\x00\x23standard_conforming_strings\x00on\x00" + "K\x00\x00\x00\x0c\x00\x00\x00\x01\x00\x00\x00\x01" + "Z\x00\x00\x00\x05I"))
	var session *pgconn.HijackedConn
	defer func() {
		switch {
		case session == nil:
		case p.lingers.Load():
			p.giveBack(session)
		default:
			p.end(session)
		}
	}()
	yield := func() {
		if session != nil && p.pooling.Load() {
			p.giveBack(session)
			session = nil
		}
	}
	ready := func(state byte) bool {
		switch {
		case state == 'I':
			yield()
		case p.byStatement:
			client.Write([]byte("E\x00\x00\x00\x4dSFATAL\x00C08P01\x00Mtransaction blocks not allowed in statement pooling mode\x00\x00"))
			return false
		}
		return true
	}
	for {
		m, err := readMessage(client)
		if err != nil || m.kind == 'X' {
			return
		}
		yield() // pooling may have started meanwhile
		if session == nil {
			if session = p.take(t); session == nil {
				return
			}
		}
		if !transaction(client, session.Conn, m, ready) {
			return
		}
	}
}

// transaction forwards messages, starting with m, until the server is idle
// again. It calls ready before the client gets that response, so that the
// session was returned before the client's next message, as in a pooler with
// one thread. It reports whether both sides are still connected.
func transaction(client, server net.Conn, m message, ready func(state byte) bool) bool {
	for {
		server.Write(m.raw)
		// The server reports that it is ready after each query and each Sync.
		if m.kind == 'Q' || m.kind == 'S' {
			state, ok := forward(client, server, ready)
			if !ok || state == 'I' {
				return ok
			}
		}
		var err error
		if m, err = readMessage(client); err != nil {
			return false
		}
	}
}

// forward passes the server's messages on until it is ready or starts a COPY.
func forward(client, server net.Conn, ready func(state byte) bool) (state byte, ok bool) {
	for {
		m, err := readMessage(server)
		if err != nil {
			return 0, false
		}
		if m.kind == 'Z' && !ready(m.body()[0]) {
			return 0, false
		}
		if _, err := client.Write(m.raw); err != nil {
			return 0, false
		}
		switch m.kind {
		case 'Z':
			return m.body()[0], true
		case 'G': // COPY: the server responds after all data
			if !copyOn(client, server) {
				return 0, false
			}
		}
	}
}

func copyOn(client, server net.Conn) bool {
	for {
		m, err := readMessage(client)
		if err != nil {
			return false
		}
		server.Write(m.raw)
		if m.kind == 'c' || m.kind == 'f' {
			return true
		}
	}
}
