package pipeline

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"convsync/internal/extract"
	"convsync/internal/load"
)

// Progress is how far a run is. It is safe for concurrent use; its zero value
// is a run that has not begun.
type Progress struct {
	conversations, planned, published atomic.Int64

	mu       sync.Mutex
	outlooks map[*feedRun]*outlook

	run    atomic.Pointer[accounted]
	stages atomic.Pointer[stages]
}

// accounted is what a run counts in.
type accounted struct {
	report  *Report
	stats   *extract.Stats
	budgets []Budget
}

// Conversations is the number read so far, repetitions included.
func (p *Progress) Conversations() int64 { return p.conversations.Load() }

// Seconds is how much of the time that the run reads is published, and how
// much there is in all, in seconds over all feeds planned so far.
func (p *Progress) Seconds() (published, planned int64) {
	return p.published.Load(), p.planned.Load()
}

// SoFar is the report as it is now, without status, errors and projects; nil
// when the run has not begun. What it counts only grows, up to the report.
func (p *Progress) SoFar() *Report {
	run := p.run.Load()
	if run == nil {
		return nil
	}
	soFar := run.report.counts()
	soFar.count(run.stats)
	return soFar
}

// Queue is what waits for a stage of a run.
type Queue struct {
	Stage           string // transform or load
	Depth, Capacity int    // chunks of conversations
}

// Queues are the queues of a run, and how many bytes are on their way in it,
// and may be; none before it reads, and after its end.
func (p *Progress) Queues() (queues []Queue, bytes, mostBytes int64) {
	s := p.stages.Load()
	if s == nil {
		return nil, 0, bytesInFlight
	}
	return []Queue{
		{"transform", len(s.chunks), cap(s.chunks)}, {"load", len(s.batches), cap(s.batches)},
	}, s.inFlight.Load(), bytesInFlight
}

// Budget is what the requests of one key share, with a name for people.
type Budget struct {
	*extract.Budget
	Host    string
	Project string // the first of those that share the key
}

// Rate is how fast a key is used.
type Rate struct {
	Host, Project string  // as in [Budget]
	PerSecond     float64 // requests started, over the last seconds
	Allowed       float64 // requests a second, at most; +Inf: no limit
	InFlight      int     // requests
}

// Rates are how fast the keys of a run are used; none before it begins.
func (p *Progress) Rates(now time.Time) []Rate {
	run := p.run.Load()
	if run == nil {
		return nil
	}
	rates := make([]Rate, len(run.budgets))
	for i, b := range run.budgets {
		perSecond, allowed, inFlight := b.Use(now)
		rates[i] = Rate{b.Host, b.Project, perSecond, allowed, inFlight}
	}
	return rates
}

// Account begins the report of work that is no run of this package, such as a
// verification, and lets its progress be followed. end settles it.
func (o *Options) Account(kind string) (end func(err error) *Report) {
	o.setDefaults()
	report := newReport(o, kind)
	return func(err error) *Report {
		report.finish(o, err)
		return report
	}
}

// Failed is the report of a run that failed before it began.
func Failed(kind string, began time.Time, err error) *Report {
	r := &Report{Kind: kind, StartedAt: began.UTC(), FinishedAt: time.Now().UTC(), Rows: map[string]int64{}, Projects: []Project{}, Warnings: []string{}}
	r.Seconds = r.FinishedAt.Sub(r.StartedAt).Seconds()
	return r.fail(err)
}

// IsDestination reports whether an error is the destination's: it is away, has
// no room, or refuses.
func IsDestination(err error) bool {
	var destination *destinationError
	var state *load.StateError
	return errors.As(err, &destination) || errors.As(err, &state)
}
