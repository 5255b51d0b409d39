package extract

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"convsync/internal/polyai"
)

// Reader reads spans of one feed.
type Reader struct {
	Source      Source
	AccountID   string
	ProjectID   string
	Environment string
	PageSize    int // conversations, 1 to 1000

	Budget *Budget             // shared by the requests of one key
	Slots  *semaphore.Weighted // shared by all readers: slices that are read at once
	Stats  *Stats              // shared by all readers

	// Backoff is the wait before the first retry; it doubles with each
	// further one, with jitter. 1 s unless set.
	Backoff time.Duration
	// Log is told of each retry, for people; nil is silent.
	Log func(msg string, args ...any)
}

const (
	maxAttempts = 8 // of a page
	maxRestarts = 3 // of a slice whose cursor went stale
	maxBackoff  = 2 * time.Minute

	maxRetryAfter    = 15 * time.Minute // the next run is the better wait
	rateLimitedWaits = 60               // times Backoff: a 429 without Retry-After was seen to need about a minute
	maxPages         = 16               // of a slice; one with more is cut again
	recut            = 4                // parts that a dense slice is cut into
)

// errDense says that a slice has more pages than are good to walk in a row.
var errDense = errors.New("the slice is dense")

// ReadSpan reads the span whole, cut into slices that are read in parallel, and
// hands over what was answered, chunk by chunk, from several goroutines. An
// emitted conversation may lie outside of the span and may come twice. After
// an error some may be missing.
func (r *Reader) ReadSpan(ctx context.Context, slices []Span, emit func(context.Context, *Chunk) error) error {
	g, groupCtx := errgroup.WithContext(ctx)
	for _, s := range slices {
		if r.Slots.Acquire(groupCtx, 1) != nil {
			break // a slice failed, or the run stops
		}
		g.Go(func() error {
			err := func() error {
				defer r.Slots.Release(1)
				return r.readSlice(groupCtx, s, emit)
			}()
			if errors.Is(err, errDense) {
				return r.ReadSpan(groupCtx, s.cut(recut), emit)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// readSlice walks the pages of a slice to the last. A stale cursor begins it anew.
func (r *Reader) readSlice(ctx context.Context, s Span, emit func(context.Context, *Chunk) error) error {
	for restarts := 0; ; restarts++ {
		err := r.walk(ctx, s, emit)
		stale := polyai.IsStaleCursor(err) || errors.Is(err, errCursorRepeated)
		if err == nil || !stale || restarts == maxRestarts {
			return err
		}
		r.log("reading a slice again from its start", "slice", s.String(), "because", err.Error())
		r.Stats.Retries.Add(1)
	}
}

var errCursorRepeated = errors.New("the source repeated a cursor: it would answer the same pages for ever")

func (r *Reader) walk(ctx context.Context, s Span, emit func(context.Context, *Chunk) error) error {
	q := polyai.ListQuery{
		AccountID: r.AccountID, ProjectID: r.ProjectID, Environment: r.Environment,
		// A second more on both sides: nothing says whether the ends are inclusive.
		Start: (s.From - 1).Time(), End: (s.Until + 1).Time(),
		Limit: r.PageSize, IncludeLatency: true,
	}
	seen := map[string]bool{}
	for pages := 1; ; pages++ {
		next, err := r.page(ctx, q, emit)
		switch {
		case err != nil:
			return err
		case next == "":
			return nil
		case seen[next]:
			return errCursorRepeated
		case pages == maxPages && s.Seconds() > 1:
			return errDense
		}
		seen[next] = true
		q.Cursor = next
	}
}

// page reads one page, again where the source fails in passing, and returns
// the cursor of the next one.
func (r *Reader) page(ctx context.Context, q polyai.ListQuery, emit func(context.Context, *Chunk) error) (string, error) {
	waits := backoff.NewExponentialBackOff()
	waits.InitialInterval, waits.MaxInterval = cmp.Or(r.Backoff, time.Second), maxBackoff
	waits.RandomizationFactor = 1 // full jitter: requests that failed together come back apart
	for attempt := 1; ; attempt++ {
		if err := r.Budget.wait(ctx); err != nil {
			return "", err
		}
		next, err := r.pageOnce(ctx, q, func(c *Chunk) error { return emit(ctx, c) })
		switch {
		case err == nil || ctx.Err() != nil || !polyai.IsTemporary(err):
			return next, err
		case attempt == maxAttempts:
			return "", fmt.Errorf("gave up after %d attempts: %w", attempt, err)
		case !r.Budget.mayRetry():
			return "", fmt.Errorf("gave up, since more than half of all requests had to be sent again: %w", err)
		}
		d := waits.NextBackOff()
		switch after, told := polyai.RetryAfter(err); {
		case told && after > maxRetryAfter:
			return "", fmt.Errorf("gave up, since the source asks to wait %s: %w", after, err)
		case told:
			d = after
		case polyai.IsRateLimited(err):
			d += rateLimitedWaits * cmp.Or(r.Backoff, time.Second)
		}
		r.Stats.Retries.Add(1)
		r.Stats.waited.Add(int64(d))
		r.log("asking again", "in", d.Round(time.Millisecond).String(), "because", err.Error())
		if err := sleep(ctx, d); err != nil {
			return "", err
		}
	}
}

// sleep waits for d or until the run stops.
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

// pageOnce sends one request and hands over what it answers.
func (r *Reader) pageOnce(ctx context.Context, q polyai.ListQuery, emit func(*Chunk) error) (next string, err error) {
	r.Stats.Requests.Add(1)
	page, err := r.Source.List(ctx, q)
	if err != nil {
		return "", err
	}
	defer func() {
		r.Stats.Bytes.Add(page.Bytes())
		err = errors.Join(err, page.Close())
	}()
	chunk := &Chunk{}
	for {
		v, err := page.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", err
		}
		r.Stats.Conversations.Add(1)
		chunk.add(v)
		if chunk.full() {
			if err := emit(chunk); err != nil {
				return "", err
			}
			chunk = &Chunk{}
		}
	}
	if chunk.Len() > 0 {
		if err := emit(chunk); err != nil {
			return "", err
		}
	}
	return page.Cursor(), nil
}

// Now asks the source for its time, by the smallest request there is, which
// also shows whether the feed can be read at all. local is our own clock's
// time, for a source that does not tell.
func (r *Reader) Now(ctx context.Context, local time.Time) (time.Time, error) {
	clock := &clock{Source: r.Source, now: local}
	probe := *r
	probe.Source = clock
	_, err := probe.page(ctx, polyai.ListQuery{
		AccountID: r.AccountID, ProjectID: r.ProjectID, Environment: r.Environment,
		Start: local.Add(-time.Second), End: local, Limit: 1,
	}, func(context.Context, *Chunk) error { return nil })
	return clock.now, err
}

// clock remembers the time of the last answer.
type clock struct {
	Source
	now time.Time
}

func (c *clock) List(ctx context.Context, q polyai.ListQuery) (*polyai.Page, error) {
	page, err := c.Source.List(ctx, q)
	if err == nil && !page.ServerTime().IsZero() {
		c.now = page.ServerTime()
	}
	return page, err
}

func (r *Reader) log(msg string, args ...any) {
	if r.Log != nil {
		r.Log(msg, args...)
	}
}
