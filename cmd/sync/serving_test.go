package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"convsync/internal/load/pgtest"
	"convsync/internal/notify"
)

// lines are the output of a process, readable while it runs.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// waitLimit is the timeout for expected results: on a busy machine, a run takes
// minutes.
const waitLimit = 15 * time.Minute

// until waits until something holds.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(waitLimit)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("it never came to it that %s", what)
		}
	}
}

// eventually asks until the answer has what is wanted.
func eventually(t *testing.T, url, want string) {
	t.Helper()
	until(t, url+" says "+want, func() bool {
		_, body := get(t, url)
		return strings.Contains(body, want)
	})
}

// startServe runs `convsync serve` in this process; stop ends it as SIGTERM does.
func startServe(t *testing.T, file string, args ...string) (url string, said *lines, stop func() int) {
	t.Helper()
	said = &lines{}
	ctx, cancel := context.WithCancel(t.Context())
	code := make(chan int, 1)
	go func() {
		code <- Main(ctx, append([]string{"serve", "--config", file, "--log-format", "json"}, args...), strings.NewReader(""), io.Discard, said, os.LookupEnv)
	}()
	var once sync.Once
	ended := 0
	stop = func() int {
		once.Do(func() { cancel(); ended = <-code })
		return ended
	}
	t.Cleanup(func() { stop() })
	address := regexp.MustCompile(`serving at (http://\S+)\n`)
	until(t, "it serves: "+said.String(), func() bool { return address.MatchString(said.String()) })
	return address.FindStringSubmatch(said.String())[1], said, stop
}

// notifyHook is a webhook that records the notifications that it receives.
type notifyHook struct {
	mu       sync.Mutex
	messages []notify.Message
}

func newNotifyHook(t *testing.T) (*notifyHook, string) {
	t.Helper()
	hook := &notifyHook{}
	server := httptest.NewServer(hook)
	t.Cleanup(server.Close)
	return hook, server.URL + "/services/made-up-secret"
}

func (h *notifyHook) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	var m notify.Message
	if json.NewDecoder(r.Body).Decode(&m) != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.messages = append(h.messages, m)
}

// notices returns all received notifications, as kind and state.
func (h *notifyHook) notices() (all []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range h.messages {
		for j := range h.messages[i].Incidents {
			all = append(all, h.messages[i].Incidents[j].Kind+" "+h.messages[i].Incidents[j].State)
		}
	}
	return all
}

// door is a way to a database that can be shut: connections through it end, and
// new ones come to nothing.
type door struct {
	listener net.Listener
	to       string

	mu    sync.Mutex
	shut  bool
	conns map[net.Conn]bool
}

func newDoor(t *testing.T, database string) (d *door, through string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d = &door{listener: listener, conns: map[net.Conn]bool{}}
	through = pgtest.With(t, database, func(u *url.URL) {
		d.to = u.Host
		u.Host = listener.Addr().String()
	})
	go d.serve()
	t.Cleanup(func() {
		listener.Close()
		d.set(true)
	})
	return d, through
}

func (d *door) serve() {
	for {
		client, err := d.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", d.to)
		if err != nil || !d.enter(client, server) {
			client.Close()
			continue
		}
		go d.pass(client, server)
		go d.pass(server, client)
	}
}

func (d *door) pass(from, to net.Conn) {
	_, _ = io.Copy(to, from)
	from.Close()
	to.Close()
}

// enter lets a connection in, unless the door is shut.
func (d *door) enter(client, server net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.shut {
		server.Close()
		return false
	}
	d.conns[client], d.conns[server] = true, true
	return true
}

func (d *door) set(shut bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shut = shut
	if shut {
		for c := range d.conns {
			c.Close()
		}
		clear(d.conns)
	}
}
