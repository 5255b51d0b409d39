package serve

import (
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// attempts limits the rate of failed logins: after a few failures in a row, a
// peer is rejected without a check for a delay that doubles with each further
// failure. A successful login resets it.
type attempts struct {
	log    *slog.Logger
	failed func() // counts a failed login

	mu    sync.Mutex
	peers map[string]*attempt
}

type attempt struct {
	failures int
	last     time.Time
	until    time.Time // not checked before
}

const (
	freeAttempts   = 5
	longestDelay   = time.Minute
	attemptsKept   = 10 * time.Minute
	mostPeersKept  = 1024
	firstDelay     = time.Second
	delayDoublings = 6 // until longestDelay
)

// delay is the time that a peer must wait before it is checked again; 0: none.
func (a *attempts) delay(peer string, now time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if known := a.peers[peer]; known != nil {
		return max(known.until.Sub(now), 0)
	}
	return 0
}

func (a *attempts) succeeded(peer string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.peers, peer)
}

func (a *attempts) fail(peer string, now time.Time) {
	a.failed()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.peers == nil {
		a.peers = map[string]*attempt{}
	}
	a.prune(now)
	known := a.peers[peer]
	if known == nil {
		known = &attempt{}
		a.peers[peer] = known
	}
	known.failures++
	known.last = now
	if known.failures < freeAttempts {
		return
	}
	wait := min(firstDelay<<min(known.failures-freeAttempts, delayDoublings), longestDelay)
	known.until = now.Add(wait)
	a.log.Warn("repeated failed logins: further attempts of this peer are delayed", "peer", peer, "failures", known.failures, "next_attempt_in", wait.String(),
		"hint", "if this is you, check the token or the password; otherwise someone may be guessing it")
}

// prune removes old failures, and the oldest if there are too many peers.
func (a *attempts) prune(now time.Time) {
	oldest := ""
	for peer, known := range a.peers {
		if now.Sub(known.last) > attemptsKept {
			delete(a.peers, peer)
			continue
		}
		if oldest == "" || known.last.Before(a.peers[oldest].last) {
			oldest = peer
		}
	}
	if len(a.peers) >= mostPeersKept {
		delete(a.peers, oldest)
	}
}

// peerOf returns the address of the client, without its port.
func peerOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
