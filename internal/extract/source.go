package extract

import (
	"context"
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
}

// Waited is the time spent waiting before retries.
func (s *Stats) Waited() time.Duration { return time.Duration(s.waited.Load()) }
