package webhook

import (
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// refusals logs deliveries that may be an attack or show a wrong secret, with
// their number: at most one line per minute and reason.
type refusals struct {
	log *slog.Logger

	mu    sync.Mutex
	since map[string]*refusedLately
}

type refusedLately struct {
	logged time.Time
	more   int // since then
}

const refusalsLogged = time.Minute

// suspicious are the results that need attention, with a hint.
var suspicious = map[string]string{
	Forged:   "check that the signing secret of the endpoint is the configured one",
	Replayed: "the same signed content was sent with another event ID",
	Slow:     "bodies did not arrive in time: check the network and the sender",
}

func (f *refusals) note(result, peer string, now time.Time) {
	hint, worth := suspicious[result]
	if !worth {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.since == nil {
		f.since = map[string]*refusedLately{}
	}
	lately := f.since[result]
	if lately == nil {
		lately = &refusedLately{}
		f.since[result] = lately
	}
	lately.more++
	if now.Sub(lately.logged) < refusalsLogged {
		return
	}
	f.log.Warn("webhook deliveries refused", "reason", result, "deliveries", lately.more, "last_peer", peer, "hint", hint)
	lately.logged, lately.more = now, 0
}

// peerOf returns the address of the client, without its port.
func peerOf(req *http.Request) string {
	host, _, err := net.SplitHostPort(req.RemoteAddr)
	if err != nil {
		return req.RemoteAddr
	}
	return host
}
