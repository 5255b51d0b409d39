package wav

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"
)

// part is a chunk of a file that a test makes.
type part struct {
	id    string
	body  []byte
	size  uint32 // 0: that of body
	unpad bool   // omits the byte after an odd size
}

// file makes a WAV file from chunks.
func file(form string, parts ...part) []byte {
	b := []byte(form + "\x00\x00\x00\x00WAVE")
	for _, p := range parts {
		if p.size == 0 {
			p.size = uint32(len(p.body))
		}
		b = append(b, p.id...)
		b = binary.LittleEndian.AppendUint32(b, p.size)
		b = append(b, p.body...)
		if len(p.body)%2 == 1 && !p.unpad {
			b = append(b, 0)
		}
	}
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-8))
	return b
}

// format makes a chunk with a format of 16 bytes, and more.
func format(tag, channels uint16, rate uint32, bits uint16, more ...byte) part {
	block := channels * ((bits + 7) / 8)
	b := binary.LittleEndian.AppendUint16(nil, tag)
	b = binary.LittleEndian.AppendUint16(b, channels)
	b = binary.LittleEndian.AppendUint32(b, rate)
	b = binary.LittleEndian.AppendUint32(b, rate*uint32(block))
	b = binary.LittleEndian.AppendUint16(b, block)
	b = binary.LittleEndian.AppendUint16(b, bits)
	return part{id: "fmt ", body: append(b, more...)}
}

// extensible makes a format of 40 bytes whose tag is in SubFormat.
func extensible(tag uint16, end []byte) part {
	more := []byte{22, 0, 16, 0, 3, 0, 0, 0}
	more = binary.LittleEndian.AppendUint16(more, tag)
	return format(tagExtensible, 2, 8000, 16, append(more, end...)...)
}

func number(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }

func samples(n int) part { return part{id: "data", body: make([]byte, n)} }

func TestParse(t *testing.T) {
	t.Parallel()
	pcm, info := format(tagPCM, 1, 8000, 16), part{id: "LIST", body: []byte("INFOISFT\x04\x00\x00\x00made")}
	declared := func(n uint32) part { return part{id: "data", body: make([]byte, 16000), size: n} }
	ds64 := func(data uint64) part {
		b := binary.LittleEndian.AppendUint64(make([]byte, 8), data)
		return part{id: "ds64", body: binary.LittleEndian.AppendUint64(b, 8000)}
	}
	for name, c := range map[string]struct {
		file    []byte
		codec   string
		seconds float64 // -1: not determined
		size    int64   // DataBytes
	}{
		"PCM":                {file("RIFF", pcm, samples(16000)), "pcm_s16le", 1, 16000},
		"8bit":               {file("RIFF", format(tagPCM, 2, 8000, 8), samples(16000)), "pcm_u8", 1, 16000},
		"12bit":              {file("RIFF", format(tagPCM, 1, 8000, 12), samples(16000)), "pcm_s16le", 1, 16000},
		"24bit":              {file("RIFF", format(tagPCM, 1, 8000, 24), samples(24000)), "pcm_s24le", 1, 24000},
		"Float":              {file("RIFF", format(tagFloat, 1, 8000, 32), samples(32000)), "pcm_f32le", 1, 32000},
		"MuLaw":              {file("RIFF", format(tagMuLaw, 1, 8000, 8, 0, 0), part{id: "fact", body: number(8000)}, samples(8000)), "mulaw", 1, 8000},
		"MuLawNoBits":        {file("RIFF", format(tagMuLaw, 2, 8000, 0), samples(16000)), "mulaw", 1, 16000},
		"ALaw":               {file("RIFF", format(tagALaw, 1, 8000, 8), samples(4000)), "alaw", 0.5, 4000},
		"GSM":                {file("RIFF", format(0x31, 1, 8000, 0, 2, 0), part{id: "fact", body: number(16000)}, samples(3250)), "wav_0x0031", 2, 3250},
		"GSMNoFact":          {file("RIFF", format(0x31, 1, 8000, 0, 2, 0), samples(3250)), "wav_0x0031", -1, 3250},
		"Extensible":         {file("RIFF", extensible(tagPCM, subFormatEnd), samples(32000)), "pcm_s16le", 1, 32000},
		"ExtensibleMuLaw":    {file("RIFF", extensible(tagMuLaw, subFormatEnd), samples(16000)), "mulaw", 1, 16000},
		"ExtensibleOther":    {file("RIFF", extensible(tagPCM, make([]byte, 14)), samples(32000)), "wav_0xfffe", 1, 32000},
		"ListFirst":          {file("RIFF", info, pcm, samples(16000)), "pcm_s16le", 1, 16000},
		"ListBetween":        {file("RIFF", pcm, info, samples(16000)), "pcm_s16le", 1, 16000},
		"ListLast":           {file("RIFF", pcm, samples(16000), info), "pcm_s16le", 1, 16000},
		"Odd":                {file("RIFF", part{id: "JUNK", body: []byte("abc")}, pcm, samples(16000)), "pcm_s16le", 1, 16000},
		"OddWithoutPadding":  {file("RIFF", part{id: "JUNK", body: []byte("abc"), unpad: true}, pcm, samples(16000)), "pcm_s16le", 1, 16000},
		"SizeZero":           {file("RIFF", pcm, part{id: "data"}, part{id: "\x00\x00\x00\x00", body: make([]byte, 15992)}), "pcm_s16le", 1, -1},
		"SizeUnknown":        {file("RIFF", pcm, declared(math.MaxUint32)), "pcm_s16le", 1, -1},
		"SizeLargestInt":     {file("RIFF", pcm, declared(0x7FFFFFFF)), "pcm_s16le", 1, -1},
		"SizeBeyondEnd":      {file("RIFF", pcm, declared(32000)), "pcm_s16le", 1, 32000},
		"NoSamples":          {file("RIFF", pcm, samples(0)), "pcm_s16le", 0, -1},
		"RF64":               {file("RF64", ds64(16000), pcm, declared(math.MaxUint32)), "pcm_s16le", 1, 16000},
		"RF64SizeImpossible": {file("BW64", ds64(math.MaxUint64), pcm, declared(math.MaxUint32)), "pcm_s16le", 1, -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, err := Parse(c.file)
			if err != nil || h.Codec != c.codec || h.DataBytes != c.size {
				t.Fatalf("got %+v, %v; want %s with %d bytes", h, err, c.codec, c.size)
			}
			seconds, ok := h.Seconds(int64(len(c.file)))
			if !ok {
				seconds = -1
			}
			if seconds != c.seconds {
				t.Errorf("got %v seconds, want %v", seconds, c.seconds)
			}
			if complete := h.Complete(int64(len(c.file))); complete != (name != "SizeBeyondEnd") {
				t.Errorf("complete: %v", complete)
			}
			if cut, err := Parse(c.file[:h.DataOffset]); err != nil || cut != h {
				t.Errorf("only the header: got %+v, %v; want %+v", cut, err, h)
			}
			for n := range h.DataOffset {
				if cut, err := Parse(c.file[:n]); !errors.Is(err, ErrCut) || cut.DataOffset != -1 {
					t.Fatalf("of %d bytes: got %+v, %v; want that the header is cut", n, cut, err)
				}
			}
		})
	}
}

func TestParse_NotWAV(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"HTML":         "<!DOCTYPE html><html></html>",
		"JSON":         `{"error": "made up"}`,
		"Short":        "<p",
		"BigEndian":    strings.Replace(string(file("RIFF", format(tagPCM, 1, 8000, 16), samples(2))), "RIFF", "RIFX", 1),
		"OtherForm":    "RIFF\x04\x00\x00\x00AVI ",
		"NoFormat":     string(file("RIFF", samples(16))),
		"ShortFormat":  string(file("RIFF", part{id: "fmt ", body: make([]byte, 8)}, samples(16))),
		"RateZero":     string(file("RIFF", format(tagPCM, 1, 0, 16), samples(16))),
		"RateAbsurd":   string(file("RIFF", format(tagPCM, 1, math.MaxUint32, 16), samples(16))),
		"ChannelsZero": string(file("RIFF", format(tagPCM, 0, 8000, 16), samples(16))),
	} {
		if h, err := Parse([]byte(text)); !errors.Is(err, ErrNotWAV) {
			t.Errorf("%s: got %+v, %v", name, h, err)
		}
	}
}

// A header longer than what was read still gives the format.
func TestParse_LongHeader(t *testing.T) {
	t.Parallel()
	all := file("RIFF", format(tagPCM, 1, 8000, 16), part{id: "JUNK", body: make([]byte, HeadBytes)}, samples(16000))
	h, err := Parse(all[:HeadBytes])
	if !errors.Is(err, ErrCut) || h.Codec != "pcm_s16le" || h.DataOffset != -1 {
		t.Fatalf("got %+v, %v", h, err)
	}
	if seconds, ok := h.Seconds(int64(len(all))); ok {
		t.Errorf("got %v seconds, want that they are unknown", seconds)
	}
}

func TestHeader_SizeUnknown(t *testing.T) {
	t.Parallel()
	h, err := Parse(file("RIFF", format(tagPCM, 1, 8000, 16), samples(16000)))
	if seconds, ok := h.Seconds(-1); err != nil || seconds != 1 || !ok || !h.Complete(-1) {
		t.Errorf("got %v, %v, %v, complete %v; want 1 second by the header", seconds, ok, err, h.Complete(-1))
	}
	h, err = Parse(file("RIFF", format(tagPCM, 1, 8000, 16), part{id: "data", size: math.MaxUint32}))
	if seconds, ok := h.Seconds(-1); err != nil || ok {
		t.Errorf("got %v, %v; want that neither determines it", seconds, err)
	}
	if _, ok := new(Header).Seconds(100); ok {
		t.Error("an empty header has a duration")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(file("RIFF", format(tagPCM, 1, 8000, 16), part{id: "LIST", body: []byte("INFO")}, samples(16)), int64(60))
	f.Add(file("RF64", part{id: "ds64", body: make([]byte, 28)}, extensible(tagMuLaw, subFormatEnd), samples(15)), int64(-1))
	f.Fuzz(func(t *testing.T, start []byte, total int64) {
		h, err := Parse(start)
		if err != nil && !errors.Is(err, ErrNotWAV) && !errors.Is(err, ErrCut) {
			t.Fatal(err)
		}
		if h.DataOffset > int64(len(start)) || h.DataOffset < -1 || h.DataBytes < -1 || h.Frames < -1 {
			t.Errorf("impossible: %+v of %d bytes", h, len(start))
		}
		if err == nil && (h.Codec == "" || h.Channels < 1 || h.SampleRateHz < 1 || h.DataOffset < 0) {
			t.Errorf("incomplete without an error: %+v", h)
		}
		if seconds, ok := h.Seconds(max(total, -1)); seconds < 0 || math.IsNaN(seconds) || math.IsInf(seconds, 0) || !ok && seconds != 0 {
			t.Errorf("%v seconds of %+v", seconds, h)
		}
	})
}
