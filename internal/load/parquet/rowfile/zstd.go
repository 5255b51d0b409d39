package rowfile

import (
	"runtime"
	"sync"

	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/klauspost/compress/zstd"
)

// compressionLevel is the zstd level of all files: 3 saves 5 % of size for 15 % of speed.
const compressionLevel = 1

// Arrow takes an encoder for each page from a [sync.Pool], which drops those that are
// not used between two garbage collections. A load allocated an eighth of its bytes
// for them: each has a history of 8 MB, since it does not know that a page is smaller.
func init() {
	if codec, err := compress.GetCodec(compress.Codecs.Zstd); err != nil {
		panic("rowfile: " + err.Error())
	} else {
		compress.RegisterCodec(compress.Codecs.Zstd, keptEncoders{codec.(arrowCodec)})
	}
}

// arrowCodec is all that arrow looks for in a codec.
type arrowCodec interface {
	compress.ErrorCodec
	compress.StreamingCodec
}

// keptEncoders is arrow's codec with other encoders of pages.
type keptEncoders struct{ arrowCodec }

// pageWindow is the window of a page, at least twice as large as one.
const pageWindow = 2 << 20

// pageEncoder has an encoder for each core, and keeps them. Pages are encoded
// concurrently, and wait for each other if there are more.
var pageEncoder = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(compressionLevel)), zstd.WithWindowSize(pageWindow), zstd.WithEncoderConcurrency(runtime.GOMAXPROCS(0)),
		zstd.WithZeroFrames(true), zstd.WithAllLitEntropyCompression(true)) // as arrow
	if err != nil {
		panic("rowfile: " + err.Error())
	}
	return e
})

// EncodeLevel implements [compress.Codec]. All files have the same level.
func (keptEncoders) EncodeLevel(dst, src []byte, _ int) []byte {
	return pageEncoder().EncodeAll(src, dst[:0])
}
