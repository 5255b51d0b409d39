package polyai

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

const (
	// largeMember marks the stub of a conversation that is too large.
	largeMember = "convsync.too_large_bytes"
	// stubBytes of such a conversation are stored.
	stubBytes = 1024
	// maxStubText bounds the id and the start of a stub.
	maxStubText = 1000

	// LargeBytes is the size from which a conversation is held alone: one page of
	// the process at a time has one in memory.
	LargeBytes = 4 << 20
	// maxNameBytes bounds the name of a member of a page: longer ones are unknown.
	maxNameBytes = 4 << 10
)

// largeTurn is taken by the page that holds a large conversation. Memory belongs
// to the process, and so does the turn.
var largeTurn = make(chan struct{}, 1)

var errNotReserved = errors.New("the request ended while another large conversation was being processed")

// limitMemory makes a page that ends with ctx hold at most one conversation of
// most bytes, or of [DefaultMaxConversationBytes] where that is 0, decoded.
func (p *Page) limitMemory(ctx context.Context, most int) {
	p.framer.most = most
	p.framer.reserve = func() error {
		select {
		case largeTurn <- struct{}{}:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	p.framer.release = func() { <-largeTurn }
}

// DecodedBytes is the decoded size of the conversation that Next returned last:
// see Options.MaxConversationBytes.
func (p *Page) DecodedBytes() int { return p.framer.decoded }

// stubOf returns what a page yields instead of a conversation that is too large
// to be held: its id and its start where head, its first bytes, has them, its
// size, and its beginning as text. [Decode] rejects it, also when it is replayed.
func stubOf(head Value, size int64) Value {
	stub := []byte("{")
	for name, v := range head.members() {
		text := name.Text()
		if (text == "id" || text == "started_at") && v.Kind() == String && len(v) <= maxStubText && IsSound(v) {
			stub = fmt.Appendf(stub, "%q:%s,", text, v)
		}
	}
	first, err := json.Marshal(string(head[:min(len(head), stubBytes)]))
	if err != nil { // text always can be
		panic(err)
	}
	return fmt.Appendf(stub, "%q:%d,\"first_bytes\":%s}", largeMember, size, first)
}

// isStub reports whether a conversation is one that was too large.
func isStub(c *Conversation) bool {
	for i := range c.Extra {
		if c.Extra[i].Name == largeMember {
			return true
		}
	}
	return false
}
