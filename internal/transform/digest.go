package transform

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"sync"

	"convsync/internal/polyai"
	"convsync/internal/warehouse"
)

// Digester computes digests of conversations as the source returned them. It is
// safe for concurrent use.
type Digester struct {
	options [sha256.Size]byte
	hashes  sync.Pool
}

// NewDigester returns the digester of conversations that are transformed with the
// options. All options are part of the digest: any other option, rule or transform
// version gives other digests.
func NewDigester(o *Options) *Digester {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q %q %q %q %q %q\n", o.Shape(), o.AccountID, o.ProjectID, o.StoreAs, o.Environment, o.APIVersion, o.PhoneRegion, o.AudioBaseURL)
	for _, kind := range o.Audio {
		fmt.Fprintf(h, "%q %t\n", kind.Direction, kind.Redacted)
	}
	d := &Digester{hashes: sync.Pool{New: func() any { return sha256.New() }}}
	h.Sum(d.options[:0])
	return d
}

// Digest returns the digest of a well-formed conversation. If two conversations have
// the same one, [Rows] returns the same for both, except for
// turns.latency_percentile_1d, which is no part of the content hash, and for the
// lifecycle of a conversation in progress, which depends on the time. This costs
// a fraction of decoding it.
func (d *Digester) Digest(v polyai.Value) (digest warehouse.Digest) {
	h := d.hashes.Get().(hash.Hash)
	defer d.hashes.Put(h)
	h.Reset()
	h.Write(d.options[:])
	for part := range v.Stable() {
		h.Write(part)
	}
	var sum [sha256.Size]byte
	copy(digest[:], h.Sum(sum[:0]))
	return digest
}
