package extract

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"convsync/internal/polyai"
)

// Before the first response of a run, a failed connection usually means a wrong
// address, a firewall or a machine without network. A user then waits for the
// error message, so the run gives up soon. Later in a run it is an outage, and
// the usual number of attempts is made.
const (
	firstAttempts = 3
	firstWaits    = 3                // wait = firstWaits * attempt * Backoff: 3 s and 6 s
	firstContact  = 10 * time.Second // if attempts took this long, fewer are made
)

// contact records whether the source of a session has responded.
type contact struct {
	answered bool      // with any response, including errors
	failed   int       // failed connections before the first response
	since    time.Time // start of the first of them
	gaveUp   error     // why it cannot be reached; nil: no request has given up
}

// attempt records the result of a request.
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

// unreached returns an error if an earlier request gave up because the source
// cannot be reached. No further request is sent then.
func (s *Session) unreached() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var e *polyai.TransportError
	if !errors.As(s.contact.gaveUp, &e) {
		return nil
	}
	return fmt.Errorf("%w, since other requests of this run could not reach the source: %w", errAskLater,
		&polyai.TransportError{Request: "no request was sent", Err: e.Err, Hint: e.Hint})
}

// wasNeverReached reports whether err is a failed connection and no request of
// this run has been answered.
func (s *Session) wasNeverReached(err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.contact.answered && polyai.IsUnreachable(err)
}

// giveUpReaching returns an error if the source should not be tried again: not
// for this page, whose first attempt was ago, and for no other one. It returns
// nil if another attempt is due.
func (s *Session) giveUpReaching(attempt int, ago time.Duration, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &s.contact
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

// firstWait returns the wait before the next attempt to reach the source.
func (r *Reader) firstWait(attempt int) time.Duration {
	return firstWaits * time.Duration(attempt) * cmp.Or(r.Backoff, time.Second)
}
