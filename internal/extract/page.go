package extract

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cenkalti/backoff/v5"

	"convsync/internal/polyai"
	"convsync/internal/ratelimit"
)

const (
	maxAttempts = 8 // per page
	maxBackoff  = 2 * time.Minute

	rateLimitedWaits = 60 // times Backoff: a 429 without Retry-After was observed to last about a minute
)

// errAskLater means that this run sends no further requests to the source.
var errAskLater = errors.New("gave up")

// page reads one page, and retries temporary failures.
func (r *Reader) page(ctx context.Context, q polyai.ListQuery, emit Emit) (*answered, error) {
	began, account, broken := time.Now(), r.Session.account(r.ProjectID), confirmer{reader: r}
	waits := backoff.NewExponentialBackOff()
	waits.InitialInterval, waits.MaxInterval = cmp.Or(r.Backoff, time.Second), maxBackoff
	waits.RandomizationFactor = 1 // full jitter: requests that failed together are not retried together
	for attempt := 1; ; attempt++ {
		q.Limit = account.limit(q.Limit)
		got, err := r.pageOnce(ctx, account, q, &broken, func(c *Chunk) error { return emit(ctx, c) })
		switch {
		case polyai.IsLimitRefused(err) && account.lowerLimit(q.Limit):
			r.log("the source refused the page size; requesting smaller pages", "slice", askedFor(&q).String(), "from", q.Limit, "because", err.Error())
			continue
		case err == nil || ctx.Err() != nil || errors.Is(err, errAskLater) || !polyai.IsTemporary(err):
			return got, err
		case r.isEnough(attempt, err):
			return nil, err
		case attempt == maxAttempts:
			return nil, fmt.Errorf("gave up after %d attempts: %w", attempt, err)
		case !account.mayRetry():
			if r.Isolation.isOn() && isIsolatable(err) {
				return nil, err // isolation needs no retries, and detects an outage
			}
			return nil, fmt.Errorf("%w, since more than half of all requests of this project were retries: %w", errAskLater, err)
		}
		pause := r.pauseAfter(err)
		if pause > ratelimit.MaxPause {
			return nil, fmt.Errorf("%w, since the source asks to wait %s: %w", errAskLater, pause, err)
		}
		if exhausted := account.exhausted(); exhausted != nil {
			return nil, fmt.Errorf("%w: %w", exhausted, err)
		}
		d := max(pause, waits.NextBackOff())
		if r.Session.wasNeverReached(err) {
			if last := r.Session.giveUpReaching(attempt, time.Since(began), err); last != nil {
				return nil, last
			}
			d = r.firstWait(attempt)
		}
		r.Stats.Retries.Add(1)
		r.Stats.waited.Add(int64(d))
		r.log("retrying a request", "slice", askedFor(&q).String(), "in", d.Round(time.Millisecond).String(), "because", err.Error())
		if err := sleep(ctx, d); err != nil {
			return nil, err
		}
	}
}

// askedFor returns the span of a request, without the extra second on both sides.
func askedFor(q *polyai.ListQuery) Span {
	if s := (Span{SecondOf(q.Start) + 1, SecondOf(q.End) - 1}); !s.Empty() {
		return s
	}
	return Span{SecondOf(q.Start), SecondOf(q.End)} // the request has no extra seconds
}

// pauseAfter returns how long all requests of the key have to wait after an error.
func (r *Reader) pauseAfter(err error) time.Duration {
	after, given := polyai.RetryAfter(err)
	if !given && polyai.IsRateLimited(err) {
		return rateLimitedWaits * cmp.Or(r.Backoff, time.Second)
	}
	return after
}

// sleep waits for d, or until ctx is done.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pageOnce sends one request and emits the conversations of its response.
func (r *Reader) pageOnce(ctx context.Context, account *account, q polyai.ListQuery, broken *confirmer, emit func(*Chunk) error) (got *answered, err error) {
	end, err := account.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	request, err := r.Session.take(ctx, r.ProjectID, r.Slots)
	if err != nil {
		return nil, err
	}
	defer request.End()
	defer func() {
		if err != nil {
			account.failed(request.Started(), time.Now(), r.pauseAfter(err))
		}
	}()
	r.Stats.Requests.Add(1)
	page, err := r.Source.List(ctx, q)
	r.Stats.answered(err)
	r.Session.answered(request, err, r.pauseAfter(err))
	if err != nil {
		return nil, err
	}
	defer func() {
		r.Stats.Bytes.Add(page.Bytes())
		err = errors.Join(err, page.Close())
	}()
	keys, err := r.readRows(ctx, page, account, broken, emit)
	if err != nil {
		return nil, err
	}
	account.pageRead()
	return &answered{keys, page.Link()}, nil
}

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
