package recordings

import (
	"fmt"
	"sync"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

const (
	// maxRefused is how many recordings the source may refuse before the first one
	// that it knows. More mean that key, host or project are wrong.
	maxRefused = 5
	// maxOutages is how many recordings in a row may fail with errors of the source.
	maxOutages = 10
)

// gate detects that the source refuses everything, or fails. It is safe for
// concurrent use.
type gate struct {
	mu      sync.Mutex
	isOpen  bool // the source knows a recording, or that there is none
	held    []load.RecordingResult
	refused int
	outages int // in a row
}

// pass returns the results that may be recorded now. Refusals are held until the
// source knows a recording. An error means that the others need not be requested.
func (g *gate) pass(f *found, results []load.RecordingResult) ([]load.RecordingResult, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if f.outage != nil {
		if g.outages++; g.outages >= maxOutages {
			return results, fmt.Errorf("the source failed for %d recordings in a row: the next run continues: %w", g.outages, f.outage)
		}
		return results, nil
	}
	g.outages = 0
	switch {
	case f.availability == warehouse.AudioAvailable, f.availability == warehouse.AudioMissing:
		g.isOpen = true
	case f.refusal != nil && !g.isOpen:
		g.held = append(g.held, results...)
		if g.refused++; g.refused >= maxRefused {
			return nil, fmt.Errorf("the source refused the first %d recordings, and none was marked: %w", g.refused, f.refusal)
		}
		return nil, nil
	}
	if g.isOpen {
		results = append(g.held, results...)
		g.held = nil
	}
	return results, nil
}

// release returns the results that are held.
func (g *gate) release() []load.RecordingResult {
	g.mu.Lock()
	defer g.mu.Unlock()
	held := g.held
	g.held = nil
	return held
}
