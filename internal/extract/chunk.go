package extract

import (
	"iter"
	"slices"

	"convsync/internal/polyai"
)

// Chunk is some conversations as they were answered, one after another.
type Chunk struct {
	data []byte
	ends []int

	broken      []polyai.Value
	brokenBytes int

	decodedBytes int  // of all of them: see [polyai.Options]
	large        bool // it is one conversation that takes much memory
}

// Chunks are handed on at this size: large enough to be cheap, small enough
// that a bounded number of bytes in flight is many of them.
const (
	chunkBytes         = 1 << 20
	chunkConversations = 256
	// chunkDecoded is above what a chunk of usual conversations has.
	chunkDecoded = 16 << 20
)

// add copies a conversation into the chunk.
func (c *Chunk) add(v polyai.Value) {
	if c.data == nil {
		c.data = make([]byte, 0, chunkBytes+chunkBytes/8)
	}
	c.data = append(c.data, v...)
	c.ends = append(c.ends, len(c.data))
}

// takeLarge makes the chunk that is one large conversation. It takes over what
// need not be copied.
func takeLarge(v polyai.Value, broken bool) *Chunk {
	if len(v) <= polyai.LargeBytes {
		v = slices.Clone(v)
	}
	if broken {
		return &Chunk{large: true, broken: []polyai.Value{v}, brokenBytes: len(v)}
	}
	return &Chunk{large: true, data: v, ends: []int{len(v)}}
}

// addBroken copies a conversation that is no well-formed JSON into the chunk.
func (c *Chunk) addBroken(v polyai.Value) {
	c.broken = append(c.broken, slices.Clone(v))
	c.brokenBytes += len(v)
}

func (c *Chunk) full() bool {
	return len(c.data)+c.brokenBytes >= chunkBytes || len(c.ends)+len(c.broken) >= chunkConversations || c.decodedBytes >= chunkDecoded
}

// Len is the number of conversations, without the broken ones.
func (c *Chunk) Len() int { return len(c.ends) }

// Broken are the conversations that are no well-formed JSON: [polyai.BrokenError].
func (c *Chunk) Broken() []polyai.Value { return c.broken }

// answered is the number of conversations, with the broken ones.
func (c *Chunk) answered() int { return len(c.ends) + len(c.broken) }

// IsLarge reports whether the chunk is one conversation that takes much memory,
// many times its bytes maybe: it is best processed alone.
func (c *Chunk) IsLarge() bool { return c.large }

// Bytes is the memory that the chunk holds.
func (c *Chunk) Bytes() int { return cap(c.data) + c.brokenBytes }

// Values yields the conversations.
func (c *Chunk) Values() iter.Seq[polyai.Value] {
	return func(yield func(polyai.Value) bool) {
		for i := range c.ends {
			if !yield(c.value(i)) {
				return
			}
		}
	}
}

func (c *Chunk) value(i int) polyai.Value {
	start, end := 0, c.ends[i]
	if i > 0 {
		start = c.ends[i-1]
	}
	return polyai.Value(c.data[start:end:end])
}
