package simulate

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"testing"
	"testing/iotest"
)

// chunksOf returns the chunks of a WAV file in their order, as names and contents.
func chunksOf(t *testing.T, file []byte, streamed bool) (names string, content map[string][]byte) {
	t.Helper()
	le := binary.LittleEndian
	if string(file[:4]) != "RIFF" || string(file[8:12]) != "WAVE" {
		t.Fatalf("not a WAV file: %q", file[:12])
	}
	if size := le.Uint32(file[4:]); streamed && size != unknownSize || !streamed && int(size) != len(file)-8 {
		t.Errorf("the RIFF size is %d in a file of %d bytes", size, len(file))
	}
	content = map[string][]byte{}
	for at := 12; at < len(file); {
		name, size := string(file[at:at+4]), int(le.Uint32(file[at+4:]))
		at += 8
		if streamed && name == "data" && size == unknownSize {
			size = len(file) - at
		}
		names, content[name] = names+name+" ", file[at:at+size]
		at += size
		if !streamed || name != "data" {
			at += size % 2
		}
	}
	return names, content
}

func TestWave(t *testing.T) {
	t.Parallel()
	le := binary.LittleEndian
	for _, codec := range allCodecs {
		for flags := range 4 {
			f := format{codec: codec, rate: 101, streamed: flags&1 == 1, list: flags&2 == 2}
			w := newWave(f, 42, true, 21*101, 0)
			t.Run(fmt.Sprintf("%s/%d", codec, flags), func(t *testing.T) {
				t.Parallel()
				file, err := io.ReadAll(w)
				if err != nil || int64(len(file)) != w.size() {
					t.Fatalf("%d bytes of %d: %v", len(file), w.size(), err)
				}
				names, content := chunksOf(t, file, f.streamed)
				want := "fmt "
				if codec != AudioPCM {
					want += " fact"
				}
				if f.list {
					want += " LIST"
				}
				want += " data "
				if f.list && !f.streamed {
					want += "LIST "
				}
				tag, size, block := uint16(1), 16, 2
				switch codec {
				case AudioMulaw:
					tag, size, block = 7, 18, 1
				case AudioExtensible:
					tag, size = 0xFFFE, 40
				}
				form := content["fmt "]
				if names != want || le.Uint16(form) != tag || len(form) != size || le.Uint32(form[4:]) != 101 || int(le.Uint16(form[12:])) != block || len(content["data"]) != 21*101*block {
					t.Errorf("%q, %x, %d bytes of data", names, form, len(content["data"]))
				}
				silent := 0
				for _, b := range content["data"] {
					if b == w.silence {
						silent++
					}
				}
				if silent < 3*101*block || silent > 8*101*block {
					t.Errorf("%d of %d bytes are silent", silent, len(content["data"]))
				}
			})
		}
	}
}

func TestWave_Reader(t *testing.T) {
	t.Parallel()
	for _, codec := range allCodecs {
		w := newWave(format{codec: codec, rate: 50, list: true}, 7, true, 999, 0)
		file, err := io.ReadAll(w)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Seek(0, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		if err := iotest.TestReader(w, file); err != nil {
			t.Errorf("%s: %v", codec, err)
		}
		for _, at := range []int64{0, 43, 100, int64(len(file)) - 3} {
			w.Seek(at, io.SeekStart)
			if got, _ := io.ReadAll(iotest.OneByteReader(w)); !bytes.Equal(got, file[at:]) {
				t.Errorf("%s: other bytes from %d", codec, at)
			}
		}
	}
}

// The values are those of ITU-T G.711.
func TestMulaw(t *testing.T) {
	t.Parallel()
	for sample, want := range map[int16]byte{0: 0xFF, 8: 0xFE, -8: 0x7E, 32767: 0x80, -32768: 0x00, 1000: 0xCE, -1000: 0x4E} {
		if got := mulaw(sample); got != want {
			t.Errorf("%d: %#x, want %#x", sample, got, want)
		}
	}
}

func BenchmarkWave(b *testing.B) {
	w := newWave(format{codec: AudioPCM, rate: 8000}, 1, true, 0, 20<<20)
	b.SetBytes(w.size())
	for b.Loop() {
		w.at = 0
		_, _ = io.Copy(io.Discard, w)
	}
}
