//go:build race

package parquet

import "github.com/apache/arrow-go/v18/parquet/compress"

// Under the race detector a [sync.Pool] loses a quarter of what is put into it,
// and arrow's encoders, of half a megabyte each, come out of one for every page.
// Their making took half of the time of all tests that write Parquet.
func init() {
	zstd, err := compress.GetCodec(compress.Codecs.Zstd)
	if err != nil {
		panic(err)
	}
	compress.RegisterCodec(compress.Codecs.Zstd, keptEncoders{zstd})
}

// keptEncoders always compresses at the level for which arrow keeps encoders.
type keptEncoders struct{ compress.Codec }

func (c keptEncoders) EncodeLevel(dst, src []byte, _ int) []byte { return c.Encode(dst, src) }
