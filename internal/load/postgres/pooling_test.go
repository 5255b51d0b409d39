package postgres

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// pooler hands out the server's sessions, each as often as it likes, by the
// transaction: the one that was given back last first, or in turns. While it is
// not pooling, each client keeps the first session that it gets.
type pooler struct {
	database string
	pooling  atomic.Bool
	inTurns  atomic.Bool
	lingers  atomic.Bool // sessions outlive their clients

	mu   sync.Mutex
	idle []*pgconn.HijackedConn
}

func (p *pooler) take(t *testing.T) *pgconn.HijackedConn {
	p.mu.Lock()
	defer p.mu.Unlock()
	// In turns there is always another one.
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
	// Under load pgconn may still be reading in the background, and would take
	// the first answer that is meant for the client.
	if err := conn.SyncConn(t.Context()); err != nil {
		return nil
	}
	s, err := conn.Hijack()
	if err != nil {
		return nil
	}
	return s
}

func (p *pooler) giveBack(s *pgconn.HijackedConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, s)
}

// close ends the idle sessions.
func (p *pooler) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
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
			session.Conn.Close() // as it is, perhaps in a transaction
		}
	}()
	yield := func() {
		if session != nil && p.pooling.Load() {
			p.giveBack(session)
			session = nil
		}
	}
	for {
		m, err := readMessage(client)
		if err != nil || m.kind == 'X' {
			return
		}
		yield() // pooling may have begun meanwhile
		if session == nil {
			if session = p.take(t); session == nil {
				return
			}
		}
		if !transaction(client, session.Conn, m, yield) {
			return
		}
	}
}

// transaction hands on messages, from the first, until the server is idle
// again: idle is called before the client hears of it, so that its next message
// finds the session given back, as in a pooler of one thread. It reports whether
// both sides are still there.
func transaction(client, server net.Conn, m message, idle func()) bool {
	for {
		server.Write(m.raw)
		// The server says that it is ready after each query and each Sync.
		if m.kind == 'Q' || m.kind == 'S' {
			state, ok := answer(client, server, idle)
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

// answer hands on what the server says until it is ready, or wants to be told
// what to copy.
func answer(client, server net.Conn, idle func()) (state byte, ok bool) {
	for {
		m, err := readMessage(server)
		if err != nil {
			return 0, false
		}
		if m.kind == 'Z' && m.body()[0] == 'I' {
			idle()
		}
		if _, err := client.Write(m.raw); err != nil {
			return 0, false
		}
		switch m.kind {
		case 'Z':
			return m.body()[0], true
		case 'G': // COPY: what comes now is answered when it is done
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
