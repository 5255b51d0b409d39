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

// Source answers lists of conversations; [*polyai.Client] is one.
type Source interface {
	List(ctx context.Context, q polyai.ListQuery) (*polyai.Page, error)
}

// Stats counts what a run asked and got. It is safe for concurrent use.
type Stats struct {
	Requests, Retries, Conversations, Bytes atomic.Int64
	waited                                  atomic.Int64 // nanoseconds

	mu        sync.Mutex
	responses map[int]int64 // by HTTP status
}

// answered counts how a request was answered.
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

// Responses counts requests by the HTTP status of their answers; 0: there was none.
func (s *Stats) Responses() map[int]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.responses)
}

// Waited is the time spent waiting before retries.
func (s *Stats) Waited() time.Duration { return time.Duration(s.waited.Load()) }
