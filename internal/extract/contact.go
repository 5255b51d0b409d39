package extract

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"convsync/internal/polyai"
)

// Until a source has answered once in a run, a connection that cannot be made
// is most likely a wrong address, a firewall or a machine without network: a
// person waits for that message, and the next run is the better retry. Later in
// a run it is an outage, which is worth the usual attempts.
const (
	firstAttempts = 3
	firstWaits    = 3                // times Backoff and the number of the attempt: 3 s and 6 s
	firstContact  = 10 * time.Second // of slow attempts, after which fewer are enough
)

// contact is whether the source behind a budget has answered in this run.
type contact struct {
	answered bool      // with anything, including errors
	failed   int       // connections, while it has not answered
	since    time.Time // when the first of them was tried
	gaveUp   error     // why it cannot be reached; nil: no request has given up
}

// attempt takes in the result of a request.
func (c *contact) attempt(started time.Time, err error) {
	api := (*polyai.APIError)(nil)
	switch {
	case err == nil || errors.As(err, &api):
		*c = contact{answered: true}
	case !c.answered && polyai.IsUnreachable(err):
		c.failed++
		if c.failed == 1 || started.Before(c.since) {
			c.since = started
		}
	}
}

// unreached returns why no request is worth sending: earlier ones found that the
// source cannot be reached.
func (c *contact) unreached() error {
	var e *polyai.TransportError
	if !errors.As(c.gaveUp, &e) {
		return nil
	}
	return fmt.Errorf("%w, since other requests of this run could not reach the source: %w", errAskLater,
		&polyai.TransportError{Request: "no request was sent", Err: e.Err, Hint: e.Hint})
}

// wasNeverReached reports whether no connection could be made, in this attempt
// and in all of this run.
func (b *Budget) wasNeverReached(err error) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.contact.answered && polyai.IsUnreachable(err)
}

// giveUpReaching decides whether an attempt to reach the source is the last one,
// for this page, which was begun a time ago, and for all others. It then returns
// why.
func (b *Budget) giveUpReaching(attempt int, ago time.Duration, err error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := &b.contact
	last := attempt >= firstAttempts || attempt > 1 && ago >= firstContact ||
		c.failed >= firstAttempts && time.Since(c.since) >= firstContact || c.gaveUp != nil
	if !last {
		return nil
	}
	c.gaveUp = err
	tries := "1 attempt"
	if attempt > 1 {
		tries = fmt.Sprintf("%d attempts", attempt)
	}
	return fmt.Errorf("%w after %s, since the source cannot be reached and has not answered in this run: %w", errAskLater, tries, err)
}

// firstWait is how long to wait before the next attempt to reach a source.
func (r *Reader) firstWait(attempt int) time.Duration {
	return firstWaits * time.Duration(attempt) * cmp.Or(r.Backoff, time.Second)
}
