package polyai

import (
	"encoding/json"
	"fmt"
)

const (
	// largeMember marks the stub of a conversation that is too large.
	largeMember = "convsync.too_large_bytes"
	// stubBytes of such a conversation are stored.
	stubBytes = 1024
	// maxStubText bounds the id and the start of a stub.
	maxStubText = 1000
)

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
