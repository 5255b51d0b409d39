package pgtest

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// Replicas are a primary and an asynchronous standby for one test, behind one
// address like a floating IP.
type Replicas struct {
	URL string // of the primary; after [Replicas.Promote], of the standby

	tb               testing.TB
	primary, standby *server
	front            *front
}

// Replicated starts a primary and its standby.
func Replicated(tb testing.TB) *Replicas {
	tb.Helper()
	r := &Replicas{tb: tb, primary: ownServer(tb, kind{}), front: newFront(tb)}
	r.front.lead(r.primary)
	r.URL = With(tb, r.primary.url, func(u *url.URL) { u.Host = r.front.listener.Addr().String() })
	r.Replicate()
	return r
}

// Primary returns the direct URL of the primary.
func (r *Replicas) Primary() string { return r.primary.url }

// Standby returns the direct URL of the standby.
func (r *Replicas) Standby() string { return r.standby.url }

// Replicate adds a standby with a copy of the primary's data.
func (r *Replicas) Replicate() {
	r.tb.Helper()
	r.standby = ownServer(r.tb, kind{primary: r.primary})
}

// Detach stops the standby, so that it receives no later changes.
func (r *Replicas) Detach() {
	r.tb.Helper()
	r.standby.ordered(r.tb, "stop")()
}

// Promote makes a detached standby a primary, to which URL connects from then on.
// Connections to the old primary remain open.
func (r *Replicas) Promote() {
	r.tb.Helper()
	r.standby.ordered(r.tb, "promote")()
	r.front.lead(r.standby)
}

// Failover crashes the primary, which ends all connections, and calls Promote. The
// promoted server is then the primary, without a standby.
func (r *Replicas) Failover() {
	r.tb.Helper()
	r.primary.ordered(r.tb, "stop")()
	r.Promote()
	r.primary = r.standby
	r.front.cut()
}

// front is a TCP proxy to one server at a time.
type front struct {
	listener net.Listener
	serving  sync.WaitGroup

	mu     sync.Mutex
	to     string
	conns  map[net.Conn]bool
	closed bool
}

func newFront(tb testing.TB) *front {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	f := &front{listener: listener, conns: map[net.Conn]bool{}}
	f.serving.Go(f.accept)
	tb.Cleanup(func() {
		f.listener.Close() //nolint:errcheck // a listener has no data to lose
		f.mu.Lock()
		f.closed = true
		f.mu.Unlock()
		f.cut()
		f.serving.Wait()
	})
	return f
}

func (f *front) lead(to *server) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.to = "127.0.0.1:" + to.port
}

// cut ends all connections.
func (f *front) cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.conns {
		c.Close() //nolint:errcheck // it ends either way
	}
}

func (f *front) accept() {
	for {
		client, err := f.listener.Accept()
		if err != nil {
			return
		}
		f.serving.Go(func() { f.serve(client) })
	}
}

func (f *front) serve(client net.Conn) {
	defer client.Close() //nolint:errcheck // it ends either way
	f.mu.Lock()
	to, closed := f.to, f.closed
	f.conns[client] = true
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.conns, client)
	}()
	if closed {
		return
	}
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(client, server)
		client.Close() //nolint:errcheck // it ends either way
	})
	_, _ = io.Copy(server, client)
	server.Close() //nolint:errcheck // it ends either way
	back.Wait()
}
