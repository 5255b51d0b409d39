package recordings

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/sync/semaphore"

	"convsync/internal/polyai"
	"convsync/internal/ratelimit"
)

const (
	maxAttempts = 4 // per request
	maxBackoff  = time.Minute
	// rateLimitedPause follows a 429 without Retry-After, as of the sync.
	rateLimitedPause = time.Minute
)

// errStopped means that Options.Stop was closed.
var errStopped = errors.New("stopped")

// requester sends the requests of a project.
type requester struct {
	project  *Project
	options  *Options
	permits  *semaphore.Weighted
	host     *host
	counters *counters
	log      *slog.Logger
}

// now returns server time.
func (q *requester) now() time.Time { return q.host.serverTime(q.options.Clock()) }

// probe requests the beginning of a recording.
func (q *requester) probe(ctx context.Context, r polyai.Recording, method polyai.ProbeMethod) (head *polyai.AudioHead, err error) {
	err = q.retry(ctx, func(answered func(server time.Time, err error)) error {
		head, err = q.project.Source.Probe(ctx, r, method)
		if err != nil {
			answered(polyai.ServerTime(err), err)
			return err
		}
		answered(head.Server, nil)
		q.received(int64(len(head.Start)))
		q.host.learn(method, head)
		return nil
	})
	return head, err
}

// download requests a recording. use reads its body, and is called again if that
// fails with a temporary error of the source.
func (q *requester) download(ctx context.Context, r polyai.Recording, use func(*polyai.Audio) error) error {
	return q.retry(ctx, func(answered func(server time.Time, err error)) error {
		audio, err := q.project.Source.Audio(ctx, r)
		if err != nil {
			answered(polyai.ServerTime(err), err)
			return err
		}
		answered(audio.Server, nil)
		body := audio.Body
		audio.Body = &countedBody{ReadCloser: body, received: q.received}
		err = use(audio)
		_ = body.Close() // everything that was needed is read
		return err
	})
}

func (q *requester) received(n int64) {
	q.counters.bytes.Add(n)
	q.options.Progress.bytes.Add(n)
}

// retry sends a request until it succeeds, or until its error is final.
func (q *requester) retry(ctx context.Context, send func(answered func(server time.Time, err error)) error) error {
	waits := backoff.NewExponentialBackOff()
	waits.InitialInterval, waits.MaxInterval, waits.RandomizationFactor = q.options.Backoff, maxBackoff, 1
	for attempt := 1; ; attempt++ {
		err := q.once(ctx, send)
		if err == nil || attempt == maxAttempts || ctx.Err() != nil || !polyai.IsTemporary(err) {
			return err
		}
		wait := waits.NextBackOff()
		q.counters.retries.Add(1)
		q.log.Debug("retrying a request for a recording", "in", wait.Round(time.Millisecond).String(), "because", err.Error())
		if err := q.sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// once sends a request within the share of the rate.
func (q *requester) once(ctx context.Context, send func(answered func(server time.Time, err error)) error) error {
	request, err := q.project.Lane.Take(ctx, q.permits, q.stopped)
	if err != nil {
		return err
	}
	defer request.End()
	q.counters.requests.Add(1)
	return send(func(server time.Time, err error) {
		q.host.noteServer(server, q.options.Clock())
		request.Answered(resultOf(err), pauseAfter(err))
	})
}

func (q *requester) stopped() error {
	if q.options.isStopped() {
		return errStopped
	}
	return nil
}

// sleep waits for d, unless the run ends before.
func (q *requester) sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-q.options.Stop:
		return errStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pauseAfter returns how long all requests of the key have to wait after an error.
func pauseAfter(err error) time.Duration {
	pause, given := polyai.RetryAfter(err)
	if !given && polyai.IsRateLimited(err) {
		return rateLimitedPause
	}
	return pause
}

// resultOf classifies the result of a request for the rate limiter.
func resultOf(err error) ratelimit.Result {
	switch {
	case err == nil, polyai.IsNoRecording(err):
		return ratelimit.Accepted
	case polyai.IsRateLimited(err):
		return ratelimit.Limited
	case statusOf(err) == http.StatusServiceUnavailable:
		return ratelimit.Overloaded
	}
	return ratelimit.Failed
}

// statusOf returns the status of an error response, or 0.
func statusOf(err error) int {
	var api *polyai.APIError
	if errors.As(err, &api) {
		return api.Status
	}
	return 0
}

// countedBody counts the bytes of a body.
type countedBody struct {
	io.ReadCloser
	received func(int64)
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.received(int64(n))
	return n, err
}

// stopsProject reports whether an error concerns all recordings of a project, so that
// asking for others makes no sense now.
func stopsProject(err error) bool {
	var pause *ratelimit.PauseError
	return statusOf(err) == http.StatusUnauthorized || polyai.IsRateLimited(err) || polyai.IsUnreachable(err) ||
		errors.As(err, &pause) || Reason(err) == ""
}
