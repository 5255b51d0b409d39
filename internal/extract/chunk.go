package extract

import (
	"iter"
	"slices"

	"convsync/internal/polyai"
)

// Chunk is a batch of conversations as the source returned them.
type Chunk struct {
	data []byte
	ends []int

	broken      []polyai.Value
	brokenBytes int

	decodedBytes int  // memory of all of them when decoded: see [polyai.Options]
	large        bool // it contains one conversation that takes much memory
}

// A chunk is emitted at this size: large enough to be cheap, and small enough
// that many of them fit into the memory limit.
const (
	chunkBytes         = 1 << 20
	chunkConversations = 256
	// chunkDecoded is more than a chunk of usual conversations needs.
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

// largeChunk returns a chunk of one large conversation. It copies v only if v
// may lie in a shared buffer.
func largeChunk(v polyai.Value, broken bool) *Chunk {
	if len(v) <= polyai.LargeBytes {
		v = slices.Clone(v)
	}
	if broken {
		return &Chunk{large: true, broken: []polyai.Value{v}, brokenBytes: len(v)}
	}
	return &Chunk{large: true, data: v, ends: []int{len(v)}}
}

// addBroken copies a conversation that is malformed JSON into the chunk.
func (c *Chunk) addBroken(v polyai.Value) {
	c.broken = append(c.broken, slices.Clone(v))
	c.brokenBytes += len(v)
}

func (c *Chunk) full() bool {
	return len(c.data)+c.brokenBytes >= chunkBytes || len(c.ends)+len(c.broken) >= chunkConversations || c.decodedBytes >= chunkDecoded
}

// Len returns the number of conversations, without broken ones.
func (c *Chunk) Len() int { return len(c.ends) }

// Broken returns the conversations that are malformed JSON: see [polyai.BrokenError].
func (c *Chunk) Broken() []polyai.Value { return c.broken }

// answered returns the number of conversations, including broken ones.
func (c *Chunk) answered() int { return len(c.ends) + len(c.broken) }

// IsLarge reports whether the chunk is one conversation that takes much memory
// when decoded, possibly many times its size. Process it alone.
func (c *Chunk) IsLarge() bool { return c.large }

// Bytes returns the memory that the chunk occupies.
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
