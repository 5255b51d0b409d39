package wav

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
)

// HeadBytes is how much of a file [Parse] needs at most. The header of a recording
// is far shorter, unless it has long chunks of metadata before the samples.
const HeadBytes = 64 << 10

// ErrNotWAV reports that a file is not a WAV file, or has no usable format: no
// channels, or a sample rate of 0.
var ErrNotWAV = errors.New("not a WAV file")

// ErrCut reports that the bytes end before the samples begin: the file may be a WAV
// file, and more of it is needed.
var ErrCut = errors.New("the WAV header is incomplete")

// Parse reads the header from the first bytes of a file: its first [HeadBytes], or
// all of it. The error is [ErrNotWAV] or [ErrCut]. With ErrCut, the header has what
// was found before the end, so Codec is "" if the format was not reached.
func Parse(start []byte) (Header, error) {
	h := Header{DataOffset: -1, DataBytes: -1, Frames: -1}
	large, err := form(start)
	if err != nil {
		return h, err
	}
	long := sizes64{dataBytes: -1, frames: -1}
	for at := int64(12); ; {
		c, ok := chunkAt(start, at)
		if !ok {
			return h, ErrCut
		}
		if c.id == "data" {
			return h.withData(c, large, long)
		}
		if !c.whole() {
			return h, ErrCut
		}
		switch c.id {
		case "fmt ":
			if !h.format(c.body) {
				return h, ErrNotWAV
			}
		case "fact":
			if n := uint32At(c.body, 0); n != 0 && n != math.MaxUint32 {
				h.Frames = int64(n)
			}
		case "ds64":
			long = sizes64{dataBytes: positive64(c.body, 8), frames: positive64(c.body, 16)}
		}
		at = c.end(start)
	}
}

// form checks the first 12 bytes, and reports whether the file is an RF64 file,
// whose sizes can have 64 bits.
func form(start []byte) (large bool, err error) {
	id, kind := start[:min(4, len(start))], start[min(8, len(start)):min(12, len(start))]
	if !bytes.HasPrefix([]byte("WAVE"), kind) {
		return false, ErrNotWAV
	}
	for _, known := range []string{"RIFF", "RF64", "BW64"} {
		if !bytes.HasPrefix([]byte(known), id) {
			continue
		}
		if len(start) < 12 {
			return false, ErrCut
		}
		return known != "RIFF", nil
	}
	return false, ErrNotWAV
}

// sizes64 are the sizes that an RF64 file declares in its first chunk.
type sizes64 struct{ dataBytes, frames int64 } // -1: not declared

// withData completes the header at the chunk of the samples.
func (h Header) withData(c chunk, large bool, long sizes64) (Header, error) {
	if h.Codec == "" {
		return h, ErrNotWAV // the format must be known before the samples
	}
	h.DataOffset = c.offset
	switch {
	case large && c.size == math.MaxUint32:
		h.DataBytes = long.dataBytes
	case c.size != 0 && c.size < unknownSize:
		h.DataBytes = c.size
	}
	if large && h.Frames < 0 {
		h.Frames = long.frames
	}
	return h, nil
}

// unknownSize is the least size that programs write for a stream of unknown length:
// 0xFFFFFFFF, or the largest positive number, rounded down.
const unknownSize = 0x7FFFF000

// chunk is a part of a RIFF file.
type chunk struct {
	id     string
	offset int64  // of its content
	size   int64  // as declared
	body   []byte // as far as it was read
}

// chunkAt returns the chunk at an offset. It returns false if its id and size were
// not read.
func chunkAt(start []byte, at int64) (chunk, bool) {
	if at+8 > int64(len(start)) {
		return chunk{}, false
	}
	c := chunk{id: string(start[at : at+4]), offset: at + 8, size: int64(binary.LittleEndian.Uint32(start[at+4:]))}
	c.body = start[c.offset:min(c.offset+c.size, int64(len(start)))]
	return c, true
}

func (c chunk) whole() bool { return int64(len(c.body)) == c.size }

// end returns where the next chunk begins: a chunk of odd size is followed by a
// zero byte, which some programs omit. An id never begins with a zero.
func (c chunk) end(start []byte) int64 {
	end := c.offset + c.size
	if c.size%2 == 1 && end < int64(len(start)) && start[end] == 0 {
		end++
	}
	return end
}

// uint32At returns the number at an offset, or 0 beyond the end.
func uint32At(b []byte, at int) uint32 {
	if len(b) < at+4 {
		return 0
	}
	return binary.LittleEndian.Uint32(b[at:])
}

// positive64 returns the number at an offset, or -1 if there is none, it is 0, or too
// large for a size.
func positive64(b []byte, at int) int64 {
	if len(b) < at+8 {
		return -1
	}
	n := binary.LittleEndian.Uint64(b[at:])
	if n == 0 || n > math.MaxInt64 {
		return -1
	}
	return int64(n)
}
