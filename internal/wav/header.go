package wav

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
)

// Header is the header of a WAV file.
type Header struct {
	// Codec is pcm_u8, pcm_s16le, pcm_s24le, pcm_s32le, pcm_f32le, pcm_f64le, alaw or
	// mulaw. Other codecs are named wav_0x and four hex digits of the format tag.
	Codec         string
	Channels      int
	SampleRateHz  int
	BitsPerSample int   // 0: the codec has no fixed size of a sample
	DataOffset    int64 // where the samples begin; -1: after the bytes that were read
	DataBytes     int64 // size of the samples as declared; -1: not declared
	Frames        int64 // samples of each channel, by the fact chunk; -1: not declared

	frameBytes int64 // of a sample of each channel; 0: the codec has no fixed size
	byteRate   int64 // bytes of a second as declared; 0: not declared
}

// Seconds returns the duration of a file of total bytes (-1: unknown). It returns
// false if neither the header nor the size of the file determines it.
func (h *Header) Seconds(total int64) (float64, bool) {
	size, rate := h.stored(total), float64(h.SampleRateHz)
	switch {
	case h.SampleRateHz <= 0:
		return 0, false
	case h.frameBytes > 0 && size >= 0:
		return float64(size/h.frameBytes) / rate, true
	case h.Frames >= 0:
		return float64(h.Frames) / rate, true
	case h.byteRate > 0 && size >= 0:
		return float64(size) / float64(h.byteRate), true
	}
	return 0, false
}

// stored returns the size of the samples in a file of total bytes, or -1.
func (h *Header) stored(total int64) int64 {
	switch {
	case h.DataOffset < 0 || total < 0:
		return h.DataBytes
	case h.DataBytes < 0 || !h.Complete(total):
		return max(total-h.DataOffset, 0)
	}
	return h.DataBytes
}

// Complete reports whether a file of total bytes (-1: unknown) has all samples that
// its header declares. It returns true if the header declares no size.
func (h *Header) Complete(total int64) bool {
	return h.DataBytes < 0 || h.DataOffset < 0 || total < 0 || h.DataBytes <= total-h.DataOffset
}

// Format tags of Microsoft's mmreg.h.
const (
	tagPCM        = 0x0001
	tagFloat      = 0x0003
	tagALaw       = 0x0006
	tagMuLaw      = 0x0007
	tagExtensible = 0xFFFE // the tag is at the start of SubFormat
)

// subFormatEnd follows the tag in the GUID of a SubFormat that has one.
var subFormatEnd = []byte{0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71}

// format reads the content of a chunk "fmt ". It returns false if it is not usable.
func (h *Header) format(body []byte) bool {
	if len(body) < 14 {
		return false
	}
	tag, channels := binary.LittleEndian.Uint16(body), binary.LittleEndian.Uint16(body[2:])
	rate, byteRate := binary.LittleEndian.Uint32(body[4:]), binary.LittleEndian.Uint32(body[8:])
	if channels == 0 || rate == 0 || rate > math.MaxInt32 {
		return false
	}
	bits := 0
	if len(body) >= 16 {
		bits = int(binary.LittleEndian.Uint16(body[14:]))
	}
	if tag == tagExtensible && len(body) >= 40 && bytes.Equal(body[26:40], subFormatEnd) {
		tag = binary.LittleEndian.Uint16(body[24:])
	}
	h.Channels, h.SampleRateHz, h.BitsPerSample = int(channels), int(rate), bits
	h.byteRate = int64(byteRate)
	if byteRate == math.MaxUint32 {
		h.byteRate = 0
	}
	var sample int64
	h.Codec, sample = codec(tag, bits)
	h.frameBytes = sample * int64(channels)
	return true
}

// codec returns the name of a codec, and the bytes of a sample: 0 if it has no fixed
// size.
func codec(tag uint16, bits int) (name string, sampleBytes int64) {
	size := int64(bits+7) / 8
	switch {
	case tag == tagALaw:
		return "alaw", 1
	case tag == tagMuLaw:
		return "mulaw", 1
	case tag == tagPCM && size == 1:
		return "pcm_u8", size
	case tag == tagPCM && size >= 2 && size <= 4:
		return fmt.Sprintf("pcm_s%dle", 8*size), size
	case tag == tagFloat && (bits == 32 || bits == 64):
		return fmt.Sprintf("pcm_f%dle", bits), size
	}
	return fmt.Sprintf("wav_0x%04x", tag), 0
}
