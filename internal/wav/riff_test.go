package wav

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"

	"golang.org/x/image/riff"
	"pgregory.net/rapid"
)

// TestParse_LikeRIFF compares with golang.org/x/image/riff, on files that it reads.
func TestParse_LikeRIFF(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		other := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) part {
			id := rapid.SampledFrom([]string{"LIST", "JUNK", "bext", "id3 ", "PEAK"}).Draw(t, "id")
			return part{id: id, body: rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "body")}
		}), 0, 3)
		shape := format(rapid.SampledFrom([]uint16{tagPCM, tagFloat, tagALaw, tagMuLaw, 0x31}).Draw(t, "tag"),
			rapid.Uint16Range(1, 8).Draw(t, "channels"), rapid.Uint32Range(1, 192000).Draw(t, "rate"),
			rapid.SampledFrom([]uint16{0, 8, 16, 24, 32}).Draw(t, "bits"), rapid.SliceOfN(rapid.Byte(), 0, 24).Draw(t, "more")...)
		parts := append(other.Draw(t, "before"), shape)
		parts = append(append(parts, other.Draw(t, "between")...), samples(rapid.IntRange(1, 3000).Draw(t, "samples")))
		all := file("RIFF", append(parts, other.Draw(t, "after")...)...)

		got, err := Parse(all)
		if err != nil {
			t.Fatal(err)
		}
		if want := byRIFF(t, all); got.DataOffset != want.DataOffset || got.DataBytes != want.DataBytes ||
			got.Channels != want.Channels || got.SampleRateHz != want.SampleRateHz || got.BitsPerSample != want.BitsPerSample {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

// byRIFF reads a header with the library.
func byRIFF(t *rapid.T, all []byte) (h Header) {
	counted := &counter{from: bytes.NewReader(all)}
	_, chunks, err := riff.NewReader(counted)
	for err == nil {
		var id riff.FourCC
		var size uint32
		var body io.Reader
		id, size, body, err = chunks.Next()
		if string(id[:]) == "data" {
			h.DataOffset, h.DataBytes = counted.read, int64(size)
			return h
		}
		if err == nil && string(id[:]) == "fmt " {
			var f struct {
				Tag, Channels  uint16
				Rate, ByteRate uint32
				Block, Bits    uint16
			}
			err = binary.Read(body, binary.LittleEndian, &f)
			h.Channels, h.SampleRateHz, h.BitsPerSample = int(f.Channels), int(f.Rate), int(f.Bits)
		}
	}
	t.Fatal(err)
	return h
}

// counter counts what was read.
type counter struct {
	from io.Reader
	read int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.read += int64(n)
	return n, err
}
