package extract

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/semaphore"

	"convsync/internal/polyai"
	"convsync/internal/ratelimit"
)

// away is a source that cannot be reached, except for its first responses.
type away struct {
	takes time.Duration // until a connection fails
	first []error
	cause error // ECONNREFUSED unless set
	asked atomic.Int64
}

func (a *away) List(ctx context.Context, _ polyai.ListQuery) (*polyai.Page, error) {
	n := int(a.asked.Add(1))
	if n <= len(a.first) {
		return nil, a.first[n-1]
	}
	if err := ratelimit.Sleep(ctx, a.takes); err != nil {
		return nil, err
	}
	cause := a.cause
	if cause == nil {
		cause = &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	}
	return nil, &polyai.TransportError{Request: "GET", Err: cause, Hint: "check base_url"}
}

func TestReaderUnreachable(t *testing.T) {
	t.Parallel()
	unavailable := &polyai.APIError{Status: 503}
	for name, c := range map[string]struct {
		source      *away
		asked       int64
		least, most time.Duration
	}{
		"Refused":      {&away{}, 3, 9 * time.Second, 10 * time.Second},
		"ConnectLate":  {&away{takes: 10 * time.Second}, 2, 20 * time.Second, 25 * time.Second},
		"AnsweredOnce": {&away{first: []error{unavailable}}, maxAttempts, 0, time.Hour},
		"OtherError":   {&away{cause: errors.New("unexpected EOF")}, maxAttempts, 0, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r, began := readerOf(c.source, "a", newSession(), anyPermits), time.Now()
				_, err := r.page(t.Context(), polyai.ListQuery{}, nil)
				if took := time.Since(began); took < c.least || took > c.most {
					t.Errorf("gave up after %s", took)
				}
				if got := c.source.asked.Load(); got != c.asked || err == nil || !strings.Contains(err.Error(), "check base_url") {
					t.Errorf("asked %d times, want %d: %v", got, c.asked, err)
				}
			})
		})
	}
}

// A run whose source cannot be reached ends within seconds, however many projects
// it has.
func TestUnreachableRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source, session, permits := &away{takes: 10 * time.Second}, newSession(), semaphore.NewWeighted(4)
		began := time.Now()
		var reading sync.WaitGroup
		for i := range 200 {
			reading.Go(func() {
				r := readerOf(source, string(rune('A'+i)), session, permits)
				_, err := r.Open(t.Context(), aDay, began)
				var transport *polyai.TransportError
				if !errors.Is(err, errAskLater) || !errors.As(err, &transport) || transport.Hint == "" {
					t.Errorf("project %d: %v", i, err)
				}
			})
		}
		reading.Wait()
		if took := time.Since(began); took > 25*time.Second {
			t.Errorf("it took %s and %d requests", took, source.asked.Load())
		}
	})
}
