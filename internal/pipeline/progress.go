package pipeline

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/ratelimit"
)

// Progress reports the progress of a run. It is safe for concurrent use. The zero
// value is the progress of a run that has not begun.
type Progress struct {
	conversations, planned, published atomic.Int64

	mu       sync.Mutex
	outlooks map[*feedRun]*outlook

	run    atomic.Pointer[runCounters]
	stages atomic.Pointer[stages]
}

// runCounters holds the counters of a run.
type runCounters struct {
	report  *Report
	stats   *extract.Stats
	budgets []Budget

	projects []string
}

// Conversations returns the number of conversations read so far, including
// repetitions.
func (p *Progress) Conversations() int64 { return p.conversations.Load() }

// Seconds returns the length of the time ranges that are published and planned, in
// seconds over all feeds that are planned so far.
func (p *Progress) Seconds() (published, planned int64) {
	return p.published.Load(), p.planned.Load()
}

// SoFar returns the current report, without status, errors and projects; nil if
// the run has not begun. Its counters never decrease.
func (p *Progress) SoFar() *Report {
	run := p.run.Load()
	if run == nil {
		return nil
	}
	soFar := run.report.counts()
	soFar.count(run.stats)
	return soFar
}

// Queue is the queue in front of a stage of a run.
type Queue struct {
	Stage           string // transform or load
	Depth, Capacity int    // chunks of conversations
}

// Queues returns the queues of a run, the bytes in flight, and their limit. There
// are no queues before the run reads and after it ends.
func (p *Progress) Queues() (queues []Queue, bytes, mostBytes int64) {
	s := p.stages.Load()
	if s == nil {
		return nil, 0, bytesInFlight
	}
	return []Queue{
		{"transform", len(s.chunks), cap(s.chunks)}, {"load", len(s.batches), cap(s.batches)},
	}, s.inFlight.Load(), bytesInFlight
}

// Budget is the rate limiter of one key, with its host and project.
type Budget struct {
	*ratelimit.Budget
	Host    string
	Project string // the first project that uses the key
}

// Rate is the usage of a key.
type Rate struct {
	Host, Project string  // as in [Budget]
	PerSecond     float64 // requests per second, over the last 10 seconds
	Allowed       float64 // maximum of requests per second; +Inf: no limit
	InFlight      int     // requests
}

// Rates returns the usage of the keys of runs; none of a run that has not begun. Runs
// that share a budget count once. The usage of several budgets with the same host and
// project is added up.
func Rates(now time.Time, runs ...*Progress) (rates []Rate) {
	type label struct{ host, project string }
	at, counted := map[label]int{}, map[*ratelimit.Budget]bool{}
	for _, p := range runs {
		run := p.run.Load()
		if run == nil {
			continue
		}
		for _, b := range run.budgets {
			if counted[b.Budget] {
				continue
			}
			counted[b.Budget] = true
			perSecond, allowed, inFlight := b.Use(now)
			i, known := at[label{b.Host, b.Project}]
			if !known {
				i = len(rates)
				at[label{b.Host, b.Project}] = i
				rates = append(rates, Rate{Host: b.Host, Project: b.Project})
			}
			rates[i].PerSecond += perSecond
			rates[i].Allowed += allowed
			rates[i].InFlight += inFlight
		}
	}
	return rates
}

// Projects returns the stored ids of the projects of the run; none before it begins.
func (p *Progress) Projects() (ids []string) {
	if run := p.run.Load(); run != nil {
		ids = run.projects
	}
	return ids
}

// Account begins the report of work other than a run, such as a verification, and
// connects it to Options.Progress. end finishes and returns the report.
func (o *Options) Account(kind string) (end func(err error) *Report) {
	o.setDefaults()
	report := newReport(o, kind)
	return func(err error) *Report {
		report.finish(o, err)
		return report
	}
}

// Failed returns the report of a run that failed before it began.
func Failed(kind string, began time.Time, err error) *Report {
	r := &Report{
		Kind:       kind,
		StartedAt:  began.UTC(),
		FinishedAt: time.Now().UTC(),
		Rows:       map[string]int64{},
		Projects:   []Project{},
		Warnings:   []string{},
	}
	r.Seconds = r.FinishedAt.Sub(r.StartedAt).Seconds()
	return r.fail(err)
}

// IsDestination reports whether an error comes from the destination, which for
// example cannot be reached or has no space left.
func IsDestination(err error) bool {
	var destination *destinationError
	var state *load.StateError
	return errors.As(err, &destination) || errors.As(err, &state)
}
