package postgres

import (
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"convsync/internal/load/pgtest"
)

// message is a protocol message after the startup.
type message struct {
	kind byte
	raw  []byte // the complete message
}

func (m message) body() []byte { return m.raw[5:] }

func readMessage(r io.Reader) (message, error) {
	head := make([]byte, 5)
	if _, err := io.ReadFull(r, head); err != nil {
		return message{}, err
	}
	m := message{head[0], make([]byte, 1+binary.BigEndian.Uint32(head[1:]))}
	copy(m.raw, head)
	_, err := io.ReadFull(r, m.raw[5:])
	return m, err
}

// readStartup reads the first message, which has no kind.
func readStartup(r io.Reader) ([]byte, error) {
	size := make([]byte, 4)
	if _, err := io.ReadFull(r, size); err != nil {
		return nil, err
	}
	raw := make([]byte, binary.BigEndian.Uint32(size))
	copy(raw, size)
	_, err := io.ReadFull(r, raw[4:])
	return raw, err
}

// through returns the database's URL through a proxy, which calls serve for
// each connection until the end of the test.
func through(t *testing.T, database string, serve func(client net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var clients []net.Conn
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			clients = append(clients, client)
			mu.Unlock()
			serving.Go(func() {
				serve(client)
				client.Close()
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		mu.Lock()
		for _, c := range clients {
			c.Close()
		}
		mu.Unlock()
		serving.Wait()
	})
	return pgtest.With(t, database, func(u *url.URL) { u.Host = listener.Addr().String() })
}
