//go:build race

package rowfile

import "github.com/apache/arrow-go/v18/parquet/compress"

// Under the race detector a [sync.Pool] drops a quarter of its values. Arrow
// takes an encoder of half a megabyte from a pool for each page, and allocating
// them took half of the time of all tests that write Parquet.
func init() {
	zstd, err := compress.GetCodec(compress.Codecs.Zstd)
	if err != nil {
		panic(err)
	}
	compress.RegisterCodec(compress.Codecs.Zstd, keptEncoders{zstd})
}

// keptEncoders always compresses at the level for which arrow pools encoders.
type keptEncoders struct{ compress.Codec }

func (c keptEncoders) EncodeLevel(dst, src []byte, _ int) []byte { return c.Encode(dst, src) }
