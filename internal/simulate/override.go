package simulate

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Override changes a conversation after its end: reviewers write notes, projects
// hide transcripts, conversations are erased. The truth changes with it.
type Override struct {
	Remove         bool // it is no longer listed
	HideTranscript bool // turns are []
	HideMetrics    bool // metrics are {}
	Note           string
	// MetricName is the name of a metric that is set to MetricValue, which must be
	// text: not a number, boolean or time.
	MetricName, MetricValue string
	DropTurns               int           // number of turns to remove from the end, also from num_turns
	Move                    time.Duration // its start, its end and its turns move by this
	Poison                  Poison        // how it breaks its pages
}

// Override changes the conversation of a [Truth.Index] from now on. It replaces any
// earlier Override; the zero value removes it. It is safe for concurrent use with
// requests.
func (s *Simulator) Override(projectID, environmentName string, index int, o Override) error {
	for e := range s.named(projectID, environmentName) {
		if index < 0 || index >= e.count {
			return fmt.Errorf("simulate: %s in %s has no conversation %d, only 0 to %d", projectID, environmentName, index, e.count-1)
		}
		e.overrides.set(index, o)
		return nil
	}
	return fmt.Errorf("simulate: there is no project %q with an environment %q", projectID, environmentName)
}

// overrides are replaced completely by each change, so that readers need no lock.
type overrides struct {
	mu  sync.Mutex // for set
	now atomic.Pointer[changes]
}

// changes are the overrides of an environment at a moment. They are immutable.
type changes struct {
	of    map[int]Override
	moved []int // indices, ascending
}

func (e *environment) override(index int) Override {
	if all := e.overrides.now.Load(); all != nil {
		return all.of[index]
	}
	return Override{}
}

func (o *overrides) set(index int, change Override) {
	o.mu.Lock()
	defer o.mu.Unlock()
	next := &changes{of: map[int]Override{}}
	if before := o.now.Load(); before != nil {
		maps.Copy(next.of, before.of)
	}
	next.of[index] = change
	if change == (Override{}) {
		delete(next.of, index)
	}
	for i, c := range next.of {
		if c.Move != 0 {
			next.moved = append(next.moved, i)
		}
	}
	slices.Sort(next.moved)
	o.now.Store(next)
}

// moved yields the conversations that were moved into [from, to). They follow all
// others, in places below 0, so that a cursor finds them again.
func (e *environment) moved(from, to int64, before int) iter.Seq[head] {
	return func(yield func(head) bool) {
		all := e.overrides.now.Load()
		if all == nil {
			return
		}
		for i, index := range all.moved {
			place := -1 - i
			if place >= before {
				continue
			}
			h := e.head(index)
			h.place = place
			if h.start >= from && h.start < to && !yield(h) {
				return
			}
		}
	}
}

// changeHead applies Remove, Move and Poison.
func (o *Override) changeHead(h *head) {
	h.removed, h.moved, h.poison = o.Remove, o.Move != 0, o.Poison
	h.start += o.Move.Microseconds()
	h.visible += o.Move.Microseconds()
}

// change applies the override to a conversation, except for its turns.
func (o *Override) change(c *conversation) {
	if o.HideTranscript {
		c.hiddenTurns = hideEmpty
	}
	c.hiddenMetrics = c.hiddenMetrics || o.HideMetrics
	if o.Note != "" {
		c.note = o.Note
	}
	if o.Poison == PoisonDeep {
		c.nasty = &deepState
	}
	if o.MetricName == "" {
		return
	}
	written := metric{name: o.MetricName, kind: metricText, text: o.MetricValue}
	if i := slices.IndexFunc(c.metrics, func(m metric) bool { return m.name == o.MetricName }); i >= 0 {
		c.metrics[i] = written
		return
	}
	c.metrics = append(c.metrics, written)
}
