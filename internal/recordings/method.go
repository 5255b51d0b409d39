package recordings

import (
	"net/http"
	"sync"
	"time"

	"convsync/internal/polyai"
)

// Hosts remembers what was learned of the hosts of recordings: how to check a
// recording with the smallest request, and their clock. The zero value is ready for
// use. It is safe for concurrent use, and may be used by several runs.
type Hosts struct {
	mu    sync.Mutex
	hosts map[string]*host
}

// of returns what is known of a host.
func (h *Hosts) of(baseURL string) *host {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.hosts == nil {
		h.hosts = map[string]*host{}
	}
	if h.hosts[baseURL] == nil {
		h.hosts[baseURL] = &host{}
	}
	return h.hosts[baseURL]
}

// host holds what is known of a host.
type host struct {
	mu              sync.Mutex
	noRange, noHead bool
	offset          time.Duration // of server time from the local clock
}

// method returns how to check a recording. A ranged GET returns the size and the
// header of the file in one request. Without ranges, HEAD is enough if the header is
// known from an earlier check; otherwise the body is closed after its header.
func (h *host) method(headerKnown bool) polyai.ProbeMethod {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case !h.noRange:
		return polyai.ProbeRange
	case headerKnown && !h.noHead:
		return polyai.ProbeHead
	}
	return polyai.ProbeClosed
}

// learn evaluates the response to a ranged GET.
func (h *host) learn(method polyai.ProbeMethod, head *polyai.AudioHead) {
	if method != polyai.ProbeRange || head.Ranged || head.Size == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.noRange = true
}

// refuseHead records that HEAD does not work as documented.
func (h *host) refuseHead() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.noHead = true
}

// refusesHead reports whether a status of a HEAD request says that the host does not
// support the method.
func refusesHead(status int) bool {
	switch status {
	case http.StatusMethodNotAllowed, http.StatusNotImplemented, http.StatusBadRequest, http.StatusForbidden:
		return true
	}
	return false
}

// noteServer compares the clock of the host with the local one.
func (h *host) noteServer(server, local time.Time) {
	if server.IsZero() {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.offset = server.Sub(local)
}

// serverTime converts local time to the time of the host.
func (h *host) serverTime(local time.Time) time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	// A Date has whole seconds. Smaller differences say nothing.
	if h.offset.Abs() < 2*time.Second {
		return local
	}
	return local.Add(h.offset)
}
