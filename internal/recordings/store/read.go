package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"convsync/internal/wav"
)

// content holds the hash, size and header of a file: a [Copy] without its URI.
type content struct {
	Copy
	wrong error // the file is not a recording: a [*BodyError]
}

// read reads and hashes a file. It returns the cause if ctx ends.
func (d *disk) read(ctx context.Context, path string) (content, error) {
	file, err := d.open(path)
	if err != nil {
		return content{}, err
	}
	defer file.Close() //nolint:errcheck // it is only read
	buffer := buffers.Get().(*[bufferBytes]byte)
	defer buffers.Put(buffer)
	b, sum := &body{ctx: ctx, from: file}, sha256.New()
	n, err := b.fill(buffer[:wav.HeadBytes])
	header, wrong := CheckHead(buffer[:n], b.ended)
	for err == nil && n > 0 {
		sum.Write(buffer[:n])
		n, err = b.fill(buffer[:])
	}
	if ctx.Err() != nil {
		return content{}, context.Cause(ctx)
	}
	if err != nil {
		return content{}, d.failed(err)
	}
	return content{Copy{SHA256: hex.EncodeToString(sum.Sum(nil)), Bytes: b.bytes, Header: header}, wrong}, nil
}
