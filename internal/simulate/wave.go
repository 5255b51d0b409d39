package simulate

import (
	"encoding/binary"
	"errors"
	"io"
	"sync"
)

// wave is a WAV file whose bytes are computed when they are read: a noise that is
// different for each recording, then a tone. In a redacted one, a second of every
// seven is silent.
type wave struct {
	head, tail []byte // around the samples
	data       int64  // bytes of samples
	second     int64  // bytes of samples
	noise      int64  // bytes of samples
	seed       uint64
	tone       *[toneBytes]byte
	silence    byte
	redacted   bool
	at         int64 // position of Read
}

// format holds the properties that the header of a wave declares.
type format struct {
	codec    AudioCodec // not AudioMixed
	rate     int64
	streamed bool
	list     bool
	excess   int64 // bytes of samples that the header claims, but that do not exist
}

const (
	toneBytes   = 8 << 10
	noiseFrames = 64
	unknownSize = 0xFFFFFFFF
)

func (f *format) frameBytes() int64 {
	if f.codec == AudioMulaw {
		return 1
	}
	return 2
}

// newWave returns a file with a number of frames, or, if bytes is not 0, of a size.
func newWave(f format, seed uint64, redacted bool, frames, bytes int64) *wave {
	w := &wave{
		data:     frames * f.frameBytes(),
		second:   f.rate * f.frameBytes(),
		noise:    noiseFrames * f.frameBytes(),
		seed:     mix(seed),
		redacted: redacted,
	}
	if f.list && !f.streamed && f.excess == 0 {
		w.tail = listChunk("made up by the simulator")
	}
	if bytes > 0 {
		w.data = bytes - int64(len(f.header(0, 0))+len(w.tail))
	}
	if w.data%2 == 1 && !f.streamed && f.excess == 0 {
		w.tail = append([]byte{0}, w.tail...) // chunks begin at even places
	}
	w.head = f.header(w.data, int64(len(w.tail)))
	encoding := 0
	if f.codec == AudioMulaw {
		w.silence, encoding = mulaw(0), 1
	}
	w.tone = &tones()[encoding][w.seed%tonePitches]
	return w
}

func (w *wave) size() int64 { return int64(len(w.head)) + w.data + int64(len(w.tail)) }

// header returns everything before the samples.
func (f *format) header(data, tail int64) []byte {
	size := f.frameBytes()
	tag := uint16(1) // PCM
	extra := []byte(nil)
	switch f.codec {
	case AudioMulaw:
		tag, extra = 7, []byte{0, 0}
	case AudioExtensible:
		tag, extra = 0xFFFE, []byte{22, 0, 16, 0, 4, 0, 0, 0, // bits, and the speaker in the middle
			1, 0, 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71}
	}
	le := binary.LittleEndian
	b := le.AppendUint16(nil, tag)
	b = le.AppendUint16(b, 1) // channel
	b = le.AppendUint32(b, uint32(f.rate))
	b = le.AppendUint32(b, uint32(f.rate*size))
	b = le.AppendUint16(b, uint16(size))
	b = le.AppendUint16(b, uint16(size*8))
	body := append([]byte("WAVE"), chunk("fmt ", append(b, extra...))...)
	claimed := data + f.excess
	frames, dataSize := uint32(claimed/size), uint32(claimed)
	if f.streamed {
		frames, dataSize = unknownSize, unknownSize
	}
	if f.codec != AudioPCM {
		body = append(body, chunk("fact", le.AppendUint32(nil, frames))...)
	}
	if f.list {
		body = append(body, listChunk("convsync simulator, made-up sounds")...)
	}
	body = le.AppendUint32(append(body, "data"...), dataSize)
	riff := uint32(int64(len(body)) + claimed + tail)
	if f.streamed {
		riff = unknownSize
	}
	return append(le.AppendUint32([]byte("RIFF"), riff), body...)
}

// chunk returns a chunk of an even size.
func chunk(name string, content []byte) []byte {
	b := append(binary.LittleEndian.AppendUint32([]byte(name), uint32(len(content))), content...)
	return append(b, make([]byte, len(content)%2)...)
}

// listChunk returns a chunk with the name of the software.
func listChunk(text string) []byte {
	return chunk("LIST", append([]byte("INFO"), chunk("ISFT", append([]byte(text), 0))...))
}

// Read reads from the position.
func (w *wave) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) && w.at < w.size() {
		var m int
		switch at := w.at - int64(len(w.head)); {
		case at < 0:
			m = copy(p[n:], w.head[w.at:])
		case at < w.data:
			m = w.sound(p[n:min(int64(len(p)), int64(n)+w.data-at)], at)
		default:
			m = copy(p[n:], w.tail[at-w.data:])
		}
		n, w.at = n+m, w.at+int64(m)
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// sound fills p, up to the end of what is the same kind of sound, with samples from
// a place (bytes).
func (w *wave) sound(p []byte, at int64) int {
	if at < w.noise {
		p = p[:min(int64(len(p)), w.noise-at)]
		for i := range p {
			place := uint64(at) + uint64(i)
			p[i] = byte(mix(w.seed+place>>3) >> (place & 7 * 8))
		}
		return len(p)
	}
	if w.redacted {
		place := (at - w.noise) % (7 * w.second)
		if place < w.second {
			p = p[:min(int64(len(p)), w.second-place)]
			for i := range p {
				p[i] = w.silence
			}
			return len(p)
		}
		p = p[:min(int64(len(p)), 7*w.second-place)]
	}
	return copy(p, w.tone[at%toneBytes:])
}

// Seek sets the position of Read.
func (w *wave) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += w.at
	case io.SeekEnd:
		offset += w.size()
	}
	if offset < 0 {
		return 0, errors.New("simulate: seek to a place before the recording")
	}
	w.at = offset
	return offset, nil
}

const tonePitches = 4

// tones are triangle waves with periods of 8 to 64 samples, as PCM and as mu-law.
var tones = sync.OnceValue(func() *[2][tonePitches][toneBytes]byte {
	t := new([2][tonePitches][toneBytes]byte)
	for pitch := range tonePitches {
		period := 8 << pitch
		for i := range toneBytes {
			level := 4*((i+3*period/4)%period) - 2*period // -2 to 2 periods: the height of a saw
			sample := int16((max(level, -level) - period) * 6000 / period)
			t[1][pitch][i] = mulaw(sample)
			if i < toneBytes/2 {
				binary.LittleEndian.PutUint16(t[0][pitch][2*i:], uint16(sample))
			}
		}
	}
	return t
})

// mulaw encodes a sample by ITU-T G.711.
func mulaw(sample int16) byte {
	v, sign := int(sample), byte(0)
	if v < 0 {
		v, sign = -v, 0x80
	}
	v = min(v, 32635) + 132
	exponent := 7
	for v < 1<<(exponent+7) {
		exponent--
	}
	return ^(sign | byte(exponent<<4) | byte(v>>(exponent+3)&0x0F))
}
