package extract

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/semaphore"

	"convsync/internal/polyai"
	"convsync/internal/ratelimit"
)

// stallingSource is a source whose responses each stall after a while.
type stallingSource struct {
	after    time.Duration
	began    time.Time
	mu       sync.Mutex
	inFlight int
	most     int // at once, after the first have failed
}

func (d *stallingSource) List(ctx context.Context, _ polyai.ListQuery) (*polyai.Page, error) {
	d.mu.Lock()
	d.inFlight++
	if time.Since(d.began) > d.after+time.Second {
		d.most = max(d.most, d.inFlight)
	}
	d.mu.Unlock()
	err := ratelimit.Sleep(ctx, d.after)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.inFlight--
	if err != nil {
		return nil, err
	}
	return nil, &polyai.TransportError{Request: "GET", Err: errors.New("the answer stalled")}
}

// readerOf returns a reader of a project, without a server.
func readerOf(source Source, project string, s *Session, permits *semaphore.Weighted) *Reader {
	return &Reader{
		Source:    source,
		ProjectID: project,
		PageSize:  10,
		Session:   s,
		Stats:     &Stats{},
		Slots:     permits,
		Walks:     semaphore.NewWeighted(4),
	}
}

func TestReaderStuck(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		alive       bool
		least, most time.Duration
	}{
		"FromTheStart": {false, 2 * time.Minute, 4 * time.Minute},
		"Later":        {true, 8 * time.Minute, 20 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := readerOf(&stallingSource{after: 61 * time.Second}, "a", newSession(), anyPermits)
				if c.alive {
					r.Session.account("a").receive(time.Now())
				}
				began := time.Now()
				first, err := r.Open(t.Context(), aDay, began)
				if err == nil {
					first.Close()
					_, err = r.ReadParts(t.Context(), aDay.cut(64), newCollector().emit, nil)
				}
				if took := time.Since(began); !errors.Is(err, errAskLater) || took < c.least || took > c.most {
					t.Errorf("after %s: %v", took, err)
				}
			})
		})
	}
}

func TestReaderStuckAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := &stallingSource{after: 61 * time.Second, began: time.Now()}
		permits := semaphore.NewWeighted(4)
		stuck := readerOf(source, "a", newSession(), permits)
		stuck.Session.account("a").receive(time.Now())
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var reading sync.WaitGroup
		reading.Go(func() { _, _ = stuck.ReadParts(ctx, aDay.cut(8), newCollector().emit, nil) })
		if err := ratelimit.Sleep(ctx, 5*time.Minute); err != nil {
			t.Fatal(err)
		}
		if !permits.TryAcquire(3) {
			t.Error("a stuck project holds more than one permit")
		} else {
			permits.Release(3)
		}
		stop()
		reading.Wait()
		if source.most > 1 {
			t.Errorf("%d requests of a stuck project at once", source.most)
		}
	})
}

func TestAccount(t *testing.T) {
	t.Parallel()
	at := func(seconds int) time.Time { return aDay.From.Time().Add(time.Duration(seconds) * time.Second) }
	for name, c := range map[string]struct {
		use  func(a *account)
		over bool
	}{
		"Overlapping": {func(a *account) {
			for range 8 {
				a.failed(at(0), at(100), 0)
			}
		}, false},
		"InSequence":   {func(a *account) { a.failed(at(0), at(100), 0); a.failed(at(110), at(160), 0) }, true},
		"PageBetween":  {func(a *account) { a.failed(at(0), at(100), 0); a.pageRead(); a.failed(at(110), at(160), 0) }, false},
		"AlreadyAlive": {func(a *account) { a.receive(at(0)); a.failed(at(0), at(800), 0) }, false},
		"AliveTooLong": {func(a *account) { a.receive(at(0)); a.failed(at(0), at(900), 0) }, true},
		"SlowReader":   {func(a *account) { a.receive(at(5000)); a.failed(at(0), at(5010), 0) }, false},
		"Pauses":       {func(a *account) { a.failed(at(0), at(1), 14*time.Minute); a.failed(at(850), at(851), time.Minute) }, false},
		"PausesTooLong": {func(a *account) {
			a.failed(at(0), at(1), 14*time.Minute)
			a.failed(at(850), at(851), 2*time.Minute)
		}, true},
		"PausesAtOnce": {func(a *account) {
			for range 8 {
				a.failed(at(0), at(1), 5*time.Minute)
			}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAccount()
			c.use(a)
			if err := a.exhausted(); errors.Is(err, errAskLater) != c.over {
				t.Errorf("exhausted: %v", err)
			}
		})
	}
}

func TestAccountRetries(t *testing.T) {
	t.Parallel()
	b := newAccount()
	allowed := 0
	for range 1000 {
		b.requests.Add(1)
		if b.mayRetry() {
			b.requests.Add(1)
			allowed++
		}
	}
	if allowed < 500 {
		t.Errorf("only %d retries in 1000 requests", allowed)
	}
	drained := newAccount()
	for range freeRetries {
		drained.mayRetry()
	}
	if drained.mayRetry() {
		t.Error("retries without requests are not bounded")
	}
}

func TestAccountPerProject(t *testing.T) {
	t.Parallel()
	b := newSession()
	for b.account("a").mayRetry() {
	}
	if !b.account("b").mayRetry() {
		t.Error("a project has no retries because another one used up its own")
	}
}

func TestReaderNothingReceived(t *testing.T) {
	t.Parallel()
	for body, alive := range map[string]bool{
		`{"conversations":[`: false, `{"conversations":[{"id":"a","started_at":"2026-06-01T00:00:00Z"},`: true,
	} {
		r := reading(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, body)
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}))
		err := r.ReadSpan(t.Context(), []Span{aDay}, newCollector().emit)
		if got := r.Session.account(r.ProjectID).alive; err == nil || got != alive {
			t.Errorf("%s: the project counts as answered: %v (%v)", body, got, err)
		}
	}
}
