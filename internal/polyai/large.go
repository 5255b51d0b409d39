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
	// stubBytes is how much of such a conversation is stored.
	stubBytes = 1024
	// maxStubText limits the id and the start in a stub.
	maxStubText = 1000

	// LargeBytes is the size above which a conversation is large: only one page of
	// the process at a time has a large one in memory.
	LargeBytes = 4 << 20
	// maxNameBytes limits the names of members of a page: longer ones are unknown.
	maxNameBytes = 4 << 10
)

// largePermit is a semaphore for large conversations. Memory is shared by the whole
// process, so the permit is, too.
var largePermit = make(chan struct{}, 1)

var errNotReserved = errors.New("the request ended while it waited for another large conversation to be processed")

// limitMemory sets the limit of the decoded size of a conversation, and shares the
// permit for large ones with other pages. The default of most is
// [DefaultMaxConversationBytes]. Waiting for the permit ends with ctx.
func (p *Page) limitMemory(ctx context.Context, most int) {
	p.framer.most = most
	p.framer.reserve = func() error {
		select {
		case largePermit <- struct{}{}:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	p.framer.release = func() { <-largePermit }
}

// DecodedBytes returns the decoded size of the last conversation that Next returned; see
// Options.MaxConversationBytes.
func (p *Page) DecodedBytes() int { return p.framer.decoded }

// stubOf returns the stub that replaces a conversation that is too large: its id and its
// start if head, its first bytes, contains them, its size, and its beginning as text.
// [Decode] rejects it, also when it is replayed.
func stubOf(head Value, size int64) Value {
	stub := []byte("{")
	for name, v := range head.RawMembers() {
		text := name.Text()
		if (text == "id" || text == "started_at") && v.Kind() == String && len(v) <= maxStubText && IsSound(v) {
			stub = fmt.Appendf(stub, "%q:%s,", text, v)
		}
	}
	first, err := json.Marshal(string(head[:min(len(head), stubBytes)]))
	if err != nil { // a string can always be encoded
		panic(err)
	}
	return fmt.Appendf(stub, "%q:%d,\"first_bytes\":%s}", largeMember, size, first)
}

// isStub reports whether c is the stub of a conversation that was too large.
func isStub(c *Conversation) bool {
	for i := range c.Extra {
		if c.Extra[i].Name == largeMember {
			return true
		}
	}
	return false
}
