package extract

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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

// request is one page to be read, and counts the attempts to do so. A response
// arrives before its conversations: open waits for the response, and read reads
// it. Temporary failures of both are retried.
type request struct {
	*Reader
	query    polyai.ListQuery
	account  *account
	broken   confirmer
	began    time.Time
	attempt  int // the current one, from 1
	waits    *backoff.ExponentialBackOff
	response *response // arrived, and not read yet; nil: none
}

// response is a page whose conversations are not read yet. It occupies the permit
// of its request until then.
type response struct {
	page     *polyai.Page
	sent     time.Time // local time before its request
	admitted *ratelimit.Request
	end      func()
}

func (r *Reader) newRequest(query polyai.ListQuery) *request {
	waits := backoff.NewExponentialBackOff()
	waits.InitialInterval, waits.MaxInterval = cmp.Or(r.Backoff, time.Second), maxBackoff
	waits.RandomizationFactor = 1 // full jitter: requests that failed together are not retried together
	return &request{
		Reader:  r,
		query:   query,
		account: r.Session.account(r.ProjectID),
		broken:  confirmer{reader: r},
		began:   time.Now(),
		attempt: 1,
		waits:   waits,
	}
}

// page reads one page.
func (r *Reader) page(ctx context.Context, query polyai.ListQuery, emit Emit) (*answered, error) {
	return r.newRequest(query).read(ctx, emit)
}

// open waits for a response. It has to be read or closed.
func (q *request) open(ctx context.Context) error {
	return q.retry(ctx, func() error { return q.send(ctx) })
}

// read reads the response, and emits its conversations. If there is none, or if
// reading it fails, the request is sent first.
func (q *request) read(ctx context.Context, emit Emit) (got *answered, err error) {
	err = q.retry(ctx, func() (err error) {
		if q.response == nil {
			if err := q.send(ctx); err != nil {
				return err
			}
		}
		got, err = q.receive(ctx, func(c *Chunk) error { return emit(ctx, c) })
		return err
	})
	return got, err
}

// close ends the request if its response was not read.
func (q *request) close() {
	if in := q.response; in != nil {
		q.response = nil
		_ = in.page.Close() // nothing of it is used
		in.admitted.End()
		in.end()
	}
}

// retry calls once until it succeeds, or until its error is final.
func (q *request) retry(ctx context.Context, once func() error) error {
	for ; ; q.attempt++ {
		err := once()
		if err == nil {
			return nil
		}
		if polyai.IsLimitRefused(err) && q.account.lowerLimit(q.query.Limit) {
			q.log("the source refused the page size; requesting smaller pages", "slice", askedFor(&q.query).String(), "from", q.query.Limit, "because", err.Error())
			continue
		}
		if final := q.giveUp(ctx, err); final != nil {
			return final
		}
		wait, final := q.wait(err)
		if final != nil {
			return final
		}
		q.Stats.Retries.Add(1)
		q.Stats.waited.Add(int64(wait))
		q.log("retrying a request", "slice", askedFor(&q.query).String(), "in", wait.Round(time.Millisecond).String(), "because", err.Error())
		if err := ratelimit.Sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// giveUp returns the error of the request if it must not be sent again after err,
// and nil otherwise.
func (q *request) giveUp(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil || errors.Is(err, errAskLater) || !polyai.IsTemporary(err):
		return err
	case q.isEnough(q.attempt, err):
		return err
	case q.attempt == maxAttempts:
		return fmt.Errorf("gave up after %d attempts: %w", q.attempt, err)
	case !q.account.mayRetry():
		if q.Isolation.isOn() && isIsolatable(err) {
			return err // isolation needs no retries, and detects an outage
		}
		return fmt.Errorf("%w, since more than half of all requests of this project were retries: %w", errAskLater, err)
	}
	return nil
}

// wait returns how long to wait before the next attempt, or an error if that is
// left to the next run.
func (q *request) wait(err error) (time.Duration, error) {
	pause := q.pauseAfter(err)
	if pause > ratelimit.MaxPause {
		return 0, fmt.Errorf("%w, since the source asks to wait %s: %w", errAskLater, pause, err)
	}
	if exhausted := q.account.exhausted(); exhausted != nil {
		return 0, fmt.Errorf("%w: %w", exhausted, err)
	}
	wait := max(pause, q.waits.NextBackOff())
	if q.Session.wasNeverReached(err) {
		wait = q.firstWait(q.attempt)
		if last := q.Session.giveUpReaching(q.attempt, time.Since(q.began), err); last != nil {
			return 0, last
		}
	}
	return wait, nil
}

// send sends the request once.
func (q *request) send(ctx context.Context) error {
	q.query.Limit = q.account.limit(q.query.Limit)
	end, err := q.account.begin(ctx)
	if err != nil {
		return err
	}
	admitted, err := q.Session.take(ctx, q.ProjectID, q.Slots)
	if err != nil {
		end()
		return err
	}
	defer func() {
		if q.response == nil {
			admitted.End()
			end()
		}
	}()
	q.Stats.Requests.Add(1)
	sent := q.now()
	page, err := q.Source.List(ctx, q.query)
	q.Stats.answered(err)
	q.Session.answered(admitted, err, q.pauseAfter(err))
	if err != nil {
		q.account.failed(admitted.Started(), time.Now(), q.pauseAfter(err))
		return err
	}
	q.response = &response{page, sent, admitted, end}
	return nil
}

// receive reads the response to its end.
func (q *request) receive(ctx context.Context, emit func(*Chunk) error) (got *answered, err error) {
	in := q.response
	q.response = nil
	defer in.end()
	defer in.admitted.End()
	defer func() {
		if err != nil {
			q.account.failed(in.admitted.Started(), time.Now(), q.pauseAfter(err))
		}
	}()
	defer func() {
		q.Stats.Bytes.Add(in.page.Bytes())
		err = errors.Join(err, in.page.Close())
	}()
	keys, err := q.readRows(ctx, in.page, q.account, &q.broken, emit)
	if err != nil {
		return nil, err
	}
	q.account.pageRead()
	return &answered{keys, in.page.Link()}, nil
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
