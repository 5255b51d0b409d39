package extract

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"convsync/internal/polyai"
	"convsync/internal/ratelimit"
)

// Session is shared by the readers that use one API key in one run. It holds the
// rate budget of the key, and what this run has learned about the source: whether
// it can be reached, and for each project how its requests ended and what its
// pages look like. It is safe for concurrent use.
type Session struct {
	budget *ratelimit.Budget

	mu       sync.Mutex
	contact  contact
	accounts map[string]*account // by project
}

// NewSession begins a session. Other sessions may use the same budget.
func NewSession(budget *ratelimit.Budget) *Session {
	return &Session{budget: budget, accounts: map[string]*account{}}
}

// account returns the account of a project.
func (s *Session) account(project string) *account {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.accounts[project] == nil {
		s.accounts[project] = newAccount()
	}
	return s.accounts[project]
}

// take waits until a project's request may start. It gives up if the source
// cannot be reached, or asks for a pause that is too long for this run.
func (s *Session) take(ctx context.Context, project string, permits *semaphore.Weighted) (*ratelimit.Request, error) {
	s.account(project).requests.Add(1)
	request, err := s.budget.Take(ctx, project, permits, s.unreached)
	if long := (*ratelimit.PauseError)(nil); errors.As(err, &long) {
		return nil, fmt.Errorf("%w, since %w", errAskLater, long)
	}
	return request, err
}

// answered records the result of a request, and the pause that the source asked
// for.
func (s *Session) answered(request *ratelimit.Request, err error, pause time.Duration) {
	s.mu.Lock()
	s.contact.attempt(request.Started(), err)
	s.mu.Unlock()
	request.Answered(resultOf(err), pause)
}

// resultOf returns what the result of a request says about the rate.
func resultOf(err error) ratelimit.Result {
	var api *polyai.APIError
	switch {
	case err == nil:
		return ratelimit.Accepted
	case polyai.IsRateLimited(err):
		return ratelimit.Limited
	case errors.As(err, &api) && api.Status == http.StatusServiceUnavailable:
		return ratelimit.Overloaded
	}
	return ratelimit.Failed
}
