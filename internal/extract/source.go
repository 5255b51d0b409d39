package extract

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"convsync/internal/polyai"
)

// Source lists conversations; [*polyai.Client] implements it.
type Source interface {
	List(ctx context.Context, q polyai.ListQuery) (*polyai.Page, error)
}

// Stats counts the requests of a run and what they returned. It is safe for
// concurrent use.
type Stats struct {
	Requests, Retries, Conversations, Bytes atomic.Int64
	waited                                  atomic.Int64 // nanoseconds

	mu        sync.Mutex
	responses map[int]int64 // by HTTP status
}

// answered counts a request by its result.
func (s *Stats) answered(err error) {
	status := http.StatusOK
	if err != nil {
		status = 0
		if api := (*polyai.APIError)(nil); errors.As(err, &api) {
			status = api.Status
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.responses == nil {
		s.responses = map[int]int64{}
	}
	s.responses[status]++
}

// Responses returns the number of requests by HTTP status; status 0 means that
// there was no response.
func (s *Stats) Responses() map[int]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.responses)
}

// Waited returns the total time spent waiting before retries.
func (s *Stats) Waited() time.Duration { return time.Duration(s.waited.Load()) }
