package main

import (
	"convsync/internal/config"
	"convsync/internal/load"
	"convsync/internal/pipeline"
	"convsync/internal/ratelimit"
	"convsync/internal/recordings"
)

// shared holds the workers of a process, the rate budgets of its keys, and what was
// learned of its hosts, which all of its runs use.
type shared struct {
	workers *pipeline.Workers
	budgets budgets
	hosts   recordings.Hosts // how recordings are requested
}

func newShared(w config.Workers) *shared {
	return &shared{workers: pipeline.NewWorkers(w.Extract, w.Transform, w.Load)}
}

// resize changes the number of workers after the configuration was reloaded.
func (s *shared) resize(w config.Workers) { s.workers.Resize(w.Extract, w.Transform, w.Load) }

// join adds a run. The run must leave at its end.
func (s *shared) join() *runShare { return &runShare{shared: s, workers: s.workers.Join()} }

// runShare is the part of a run in what is shared.
type runShare struct {
	shared   *shared
	workers  *pipeline.Shares
	sessions []*keySession
	// destination is the one of all runs; nil: each opens its own.
	destination load.Destination
}

func (r *runShare) leave() {
	r.workers.Leave()
	for _, s := range r.sessions {
		s.end()
	}
}

// session begins the session of a key, which is that of the project.
func (r *runShare) session(cfg *config.Config, p *config.Project, key keyHash) *keySession {
	s := r.shared.budgets.session(key, hostOf(dataURL(p)), p.StoredID,
		ratelimit.BudgetOptions{PerSecond: p.MaxRequestsPerSecond, Adaptive: cfg.Sync.Adaptive})
	r.sessions = append(r.sessions, s)
	return s
}
