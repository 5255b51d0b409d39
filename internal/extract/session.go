package extract

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"convsync/internal/polyai"
	"convsync/internal/ratelimit"
)

// Session is shared by the readers that use one API key in one run. It holds the
// rate budget of the key, and what this run has learned about the source: whether
// it can be reached, and for each project how its requests ended and what its
// pages look like. It is safe for concurrent use.
type Session struct {
	mu       sync.Mutex
	budget   *ratelimit.Budget
	run      *ratelimit.Run // the use of the budget
	contact  contact
	accounts map[string]*account // by project
}

// NewSession begins a session. Other sessions may use the same budget.
func NewSession(budget *ratelimit.Budget) *Session {
	return &Session{budget: budget, run: budget.NewRun(), accounts: map[string]*account{}}
}

// Use replaces the budget, since the key was renewed. Requests in flight end with
// the one that they began with.
func (s *Session) Use(budget *ratelimit.Budget) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.budget, s.run = budget, budget.NewRun()
}

// current returns the use of the current budget.
func (s *Session) current() *ratelimit.Run {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.run
}

// errReplaced means that the budget was replaced while a request waited.
var errReplaced = errors.New("the budget was replaced")

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
func (s *Session) take(ctx context.Context, project string, permits ratelimit.Permits) (*ratelimit.Request, error) {
	s.account(project).requests.Add(1)
	for {
		run := s.current()
		request, err := run.Take(ctx, project, permits, func() error {
			if s.current() != run {
				return errReplaced
			}
			return s.unreached()
		})
		var long *ratelimit.PauseError
		switch {
		case errors.Is(err, errReplaced):
			continue
		case errors.As(err, &long):
			return nil, fmt.Errorf("%w, since %w", errAskLater, long)
		}
		return request, err
	}
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
