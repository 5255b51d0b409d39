package extract

import (
	"iter"
	"slices"
	"sync"

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

// chunkCapacity holds chunkBytes and one more conversation of usual size.
const chunkCapacity = chunkBytes + chunkBytes/8

// chunkData holds the memory of released chunks. They would otherwise be a sixth of
// what a first load allocates.
var chunkData = sync.Pool{New: func() any { return new([chunkCapacity]byte) }}

// poisonChunks makes [Chunk.Release] overwrite the memory, so that a test fails if
// something still refers to it.
var poisonChunks bool

// add copies a conversation into the chunk.
func (c *Chunk) add(v polyai.Value) {
	if c.data == nil {
		c.data = chunkData.Get().(*[chunkCapacity]byte)[:0]
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

// Release gives the memory of the chunk to later ones. Neither the chunk nor any of its
// conversations may be used afterwards. A chunk that is not released is garbage.
func (c *Chunk) Release() {
	data := c.data[:cap(c.data)]
	if c.large || len(data) != chunkCapacity { // it was too small, and has grown
		return
	}
	if poisonChunks {
		for i := range c.data { // the rest was not used
			data[i] = 'x'
		}
	}
	c.data, c.ends = nil, nil
	chunkData.Put((*[chunkCapacity]byte)(data))
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
