package main

import (
	"crypto/sha256"
	"sync"
	"time"

	"convsync/internal/extract"
	"convsync/internal/pipeline"
	"convsync/internal/ratelimit"
)

// budgets holds the rate budget of each key, which the runs of a process share. It
// is safe for concurrent use. The zero value has none.
type budgets struct {
	mu    sync.Mutex
	byKey map[keyHash]*sharedBudget
}

// keyHash identifies a key of a host, without containing it.
type keyHash [sha256.Size]byte

func hashKey(url, key string) keyHash { return sha256.Sum256([]byte(url + "\x00" + key)) }

// sharedBudget is the budget of a key.
type sharedBudget struct {
	pipeline.Budget
	options ratelimit.BudgetOptions
	users   int       // runs
	left    time.Time // when the last run ended that used it

	lane  *ratelimit.Lane // for recordings; nil: not used yet
	share float64         // of the rate, for the lane
}

// keepBudget is how long a budget is kept after its last run: a pause that the
// source asked for also applies to the next run.
const keepBudget = ratelimit.MaxPause

// join returns the budget of a key for a run. The run must leave it at its end. If
// several runs configure different rates, the lowest of them applies.
func (b *budgets) join(key keyHash, host, project string, o ratelimit.BudgetOptions) *sharedBudget {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dropUnused()
	s := b.byKey[key]
	switch {
	case s == nil:
		s = &sharedBudget{
			Budget:  pipeline.Budget{Budget: ratelimit.NewBudget(o), Host: host, Project: project},
			options: o,
		}
		if b.byKey == nil {
			b.byKey = map[keyHash]*sharedBudget{}
		}
		b.byKey[key] = s
	case s.users == 0 || isLower(o, s.options):
		s.options = o
		s.Configure(o)
	}
	s.users++
	return s
}

// isLower reports whether a limit is lower than another one.
func isLower(a, b ratelimit.BudgetOptions) bool {
	return a.PerSecond > 0 && (b.PerSecond == 0 || a.PerSecond < b.PerSecond)
}

// renewed makes a session use the budget of a renewed key. If no run has used that
// key, it continues with the budget that it has. Projects whose old keys were the
// same share a budget until their run ends, also if their new keys differ.
func (b *budgets) renewed(key keyHash, session *extract.Session, used *sharedBudget) (now *sharedBudget) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.byKey[key]
	switch s {
	case used:
		return used
	case nil:
		b.byKey[key] = used
		return used
	}
	s.users++
	b.leaveLocked(used)
	session.Use(s.Budget.Budget)
	return s
}

// lane returns the lane of a budget for recordings. All work on recordings with a key
// shares one lane. A changed share takes effect with the next work.
func (b *budgets) lane(s *sharedBudget, share float64) *ratelimit.Lane {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.lane == nil || s.share != share {
		s.lane, s.share = s.Budget.NewLane(share), share
	}
	return s.lane
}

// leave ends the use of a budget by a run.
func (b *budgets) leave(s *sharedBudget) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.leaveLocked(s)
}

func (b *budgets) leaveLocked(s *sharedBudget) {
	s.users--
	s.left = time.Now()
}

func (b *budgets) dropUnused() {
	for key, s := range b.byKey {
		if s.users == 0 && time.Since(s.left) > keepBudget {
			delete(b.byKey, key)
		}
	}
}

// keySession is the session of a run for one key.
type keySession struct {
	*extract.Session
	budgets *budgets

	mu     sync.Mutex
	budget *sharedBudget
}

// session begins a session of a run. Its end must be called.
func (b *budgets) session(key keyHash, host, project string, o ratelimit.BudgetOptions) *keySession {
	s := b.join(key, host, project, o)
	return &keySession{Session: extract.NewSession(s.Budget.Budget), budgets: b, budget: s}
}

// renew continues the session with a renewed key.
func (s *keySession) renew(key keyHash) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.budget = s.budgets.renewed(key, s.Session, s.budget)
}

func (s *keySession) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.budgets.leave(s.budget)
}
