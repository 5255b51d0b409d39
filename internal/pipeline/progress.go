package pipeline

import (
	"sync/atomic"

	"convsync/internal/extract"
)

// Progress is how far a run is. It is safe for concurrent use; its zero value
// is a run that has not begun.
type Progress struct {
	conversations, planned, published atomic.Int64
}

// Conversations is the number read so far, repetitions included.
func (p *Progress) Conversations() int64 { return p.conversations.Load() }

// Seconds is how much of the time that the run reads is published, and how
// much there is in all, in seconds over all feeds planned so far.
func (p *Progress) Seconds() (published, planned int64) {
	return p.published.Load(), p.planned.Load()
}

func (p *Progress) plan(plan extract.Plan) {
	for _, s := range plan.Spans {
		p.planned.Add(int64(s.Seconds()))
	}
}
