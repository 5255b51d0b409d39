package webhook

import (
	"slices"
	"sync"
)

// bodies limits the number of bodies that are read concurrently, without permits
// that a slow sender could hold: above the limit, the oldest body of the peer with
// the most bodies is cut off. A body that arrives promptly is never the oldest for
// long, so half-open requests only displace each other.
type bodies struct {
	most int

	mu     sync.Mutex
	byPeer map[string][]*arriving // each in order of arrival
	total  int
}

// arriving is a body that is being read.
type arriving struct{ cut func() }

// begin counts a body; cut must make its reading fail. The caller calls end.
func (b *bodies) begin(peer string, cut func()) (end func()) {
	body := &arriving{cut}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.byPeer == nil {
		b.byPeer = map[string][]*arriving{}
	}
	b.byPeer[peer] = append(b.byPeer[peer], body)
	if b.total++; b.total > b.most {
		greediest := b.greediest()
		oldest := b.byPeer[greediest][0]
		b.remove(greediest, oldest)
		oldest.cut()
	}
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.remove(peer, body)
	}
}

func (b *bodies) greediest() (peer string) {
	for p, open := range b.byPeer {
		if len(open) > len(b.byPeer[peer]) {
			peer = p
		}
	}
	return peer
}

// remove does nothing when the body was cut off before.
func (b *bodies) remove(peer string, body *arriving) {
	i := slices.Index(b.byPeer[peer], body)
	if i < 0 {
		return
	}
	b.total--
	if b.byPeer[peer] = slices.Delete(b.byPeer[peer], i, i+1); len(b.byPeer[peer]) == 0 {
		delete(b.byPeer, peer)
	}
}
