package extract

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"time"

	"convsync/internal/polyai"
)

// readRows emits the conversations of a page, and returns their keys. It reads
// the page to its end even if it contains an unconfirmed broken conversation, so
// that the next attempt can confirm all of them.
func (r *Reader) readRows(
	ctx context.Context, page *polyai.Page, account *account, broken *confirmer, emit func(*Chunk) error,
) (keys []rowKey, err error) {
	out := chunker{emit: emit, account: account, chunk: &Chunk{}}
	var unconfirmed error
	for {
		v, err := page.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		var of *polyai.BrokenError
		isBroken := errors.As(err, &of)
		if err != nil && !isBroken {
			return nil, err
		}
		if len(keys) == 0 {
			account.receive(time.Now())
		}
		if isBroken {
			confirmed, err := broken.confirm(ctx, of.Value)
			if err != nil {
				return nil, err
			}
			if !confirmed {
				unconfirmed = of
				continue
			}
			v = of.Value
		}
		r.Stats.Conversations.Add(1)
		keys = append(keys, keyOf(v))
		if err := out.add(v, page.DecodedBytes(), isBroken); err != nil {
			return nil, err
		}
	}
	if err := out.flush(); err != nil {
		return nil, err
	}
	return keys, unconfirmed
}

// chunker collects conversations into chunks and emits them.
type chunker struct {
	emit    func(*Chunk) error
	account *account
	chunk   *Chunk
}

// add adds a conversation. A large one is emitted immediately, as a separate chunk.
func (c *chunker) add(v polyai.Value, decoded int, broken bool) error {
	switch {
	case decoded > polyai.LargeBytes:
		if err := c.flush(); err != nil {
			return err
		}
		c.chunk = largeChunk(v, broken)
		return c.flush()
	case broken:
		c.chunk.addBroken(v)
	default:
		c.chunk.add(v)
	}
	c.chunk.decodedBytes += decoded
	if !c.chunk.full() {
		return nil
	}
	return c.flush()
}

// flush emits the current chunk unless it is empty.
func (c *chunker) flush() error {
	if c.chunk.answered() == 0 {
		return nil
	}
	if err := c.emit(c.chunk); err != nil {
		return err
	}
	c.account.receive(time.Now()) // waiting for the destination is not a failure of the source
	c.chunk = &Chunk{}
	return nil
}

// isEnough reports whether a failed page must not be retried. A page with a
// broken conversation is retried at least once, to confirm it.
func (r *Reader) isEnough(attempt int, err error) bool {
	var broken *polyai.BrokenError
	return r.givesUp != nil && (attempt > 1 || !errors.As(err, &broken)) && r.givesUp(attempt, err)
}

// confirmer decides whether the source really returns a broken conversation, or
// the page was damaged in transit. A broken conversation is confirmed if the same
// bytes were received before, by any request of this or an earlier run.
type confirmer struct {
	reader *Reader
	seen   map[string]bool // digests
}

func (c *confirmer) confirm(ctx context.Context, v polyai.Value) (bool, error) {
	digest := Digest(v)
	if c.seen[digest] || c.reader.Isolation.wasAnswered(digest) {
		return true, nil
	}
	if c.seen == nil {
		c.seen = map[string]bool{}
	}
	c.seen[digest] = true
	if c.reader.IsKnown == nil {
		return false, nil
	}
	return c.reader.IsKnown(ctx, digest)
}

// Digest returns the SHA-256 of a broken conversation, in hexadecimal.
func Digest(v polyai.Value) string {
	sum := sha256.Sum256(v)
	return hex.EncodeToString(sum[:])
}
