package extract

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/semaphore"

	"convsync/internal/polyai"
)

// busy is a source that answers each slice with 429 and a Retry-After of a minute.
// It reports the start of each requested range.
func busy(asked chan<- string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Query().Get("start_time")
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(http.StatusTooManyRequests)
	})
}

// endless is a source that never answers. It records the requested ranges.
type endless struct {
	mu     sync.Mutex
	slices map[time.Time]bool
}

func (e *endless) List(ctx context.Context, q polyai.ListQuery) (*polyai.Page, error) {
	e.mu.Lock()
	e.slices[q.Start] = true
	e.mu.Unlock()
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestPermitsOtherKey(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 64)
	stopped, stop := context.WithCancel(t.Context())
	var waiting sync.WaitGroup
	defer waiting.Wait()
	defer stop()
	permits := semaphore.NewWeighted(2)
	for range 4 {
		r := reading(t, busy(asked))
		r.Slots = permits
		waiting.Go(func() { _, _ = r.ReadParts(stopped, aDay.cut(4), newCollector().emit, nil) })
	}
	for range 4 {
		<-asked // there are two permits
	}
	other := reading(t, pages(nil))
	other.Slots = permits
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := other.ReadSpan(ctx, aDay.cut(2), newCollector().emit); err != nil {
		t.Errorf("a project with a separate key waits for projects that have to pause: %v", err)
	}
}

func TestReadPartsWalks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := &endless{slices: map[time.Time]bool{}}
		r := &Reader{
			Source:   source,
			PageSize: 10,
			Session:  newSession(),
			Stats:    &Stats{},
			Slots:    semaphore.NewWeighted(64),
			Walks:    semaphore.NewWeighted(3),
		}
		ctx, stop := context.WithCancel(t.Context())
		var reading sync.WaitGroup
		for _, part := range aDay.cut(2) {
			reading.Go(func() {
				_, _ = r.ReadParts(ctx, part.cut(8), newCollector().emit, func() {
					if ctx.Err() == nil {
						t.Error("underWay was called although slices wait")
					}
				})
			})
		}
		synctest.Wait()
		if n := len(source.slices); n != 3 {
			t.Errorf("%d slices in progress, limit 3", n)
		}
		stop()
		reading.Wait()
	})
}
