package serve

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// Recordings configures the section and the metrics of recordings.
type Recordings struct {
	Projects []RecordedProject // none: there is no section, and no metric
	Reader   RecordingReader   // required if there are projects
	// Store returns the result of the last attempt to use the store of the copies.
	// tried is false before the first one. It must not block. nil: never tried.
	Store func() (tried bool, err error)
}

// RecordedProject is a project whose recordings of some kinds are checked, and stored
// if Store is set.
type RecordedProject struct {
	ProjectID string
	Store     bool
	Kinds     []load.RecordingKind
}

// Mode is the value of sync.audio.
func (p *RecordedProject) Mode() string {
	if p.Store {
		return "store"
	}
	return "check"
}

// RecordingReader is the part of a [load.RecordingReader] that the page and the
// metrics read.
type RecordingReader interface {
	RecordingCounts(ctx context.Context, kinds map[string][]load.RecordingKind) (map[string]load.RecordingCounts, error)
	RecordingState(ctx context.Context, project string) (warehouse.RecordingState, error)
}

// RecordedState holds the counts and the state of the recordings of a project.
type RecordedState struct {
	RecordedProject
	Counts load.RecordingCounts
	State  warehouse.RecordingState
}

// Backlog returns the number of recordings that are left to check or to store, and
// the start of the oldest conversation among them; 0: none is left.
func (s *RecordedState) Backlog() (n int64, oldest warehouse.Timestamp) {
	n, oldest = s.Counts.Unchecked, s.Counts.OldestUnchecked
	if s.Store {
		n += s.Counts.Unstored
		if other := s.Counts.OldestUnstored; other != 0 && (oldest == 0 || other < oldest) {
			oldest = other
		}
	}
	return n, oldest
}

// Read reads the state of all projects, in their order.
func (r *Recordings) Read(ctx context.Context) (states []RecordedState, err error) {
	if len(r.Projects) == 0 {
		return nil, nil
	}
	kinds := make(map[string][]load.RecordingKind, len(r.Projects))
	for _, p := range r.Projects {
		kinds[p.ProjectID] = p.Kinds
	}
	counts, err := r.Reader.RecordingCounts(ctx, kinds)
	if err != nil {
		return nil, fmt.Errorf("count recordings: %w", err)
	}
	for _, p := range r.Projects {
		state, err := r.Reader.RecordingState(ctx, p.ProjectID)
		if err != nil {
			return nil, fmt.Errorf("read the state of the recordings of %s: %w", p.ProjectID, err)
		}
		states = append(states, RecordedState{p, counts[p.ProjectID], state})
	}
	return states, nil
}

// store returns whether the store was tried, and its error. Without a project that
// stores recordings, nothing is wrong with the store.
func (r *Recordings) store() (tried bool, err error) {
	switch {
	case !r.isStoring():
		return true, nil
	case r.Store == nil:
		return false, nil
	}
	return r.Store()
}

// StoreErr returns why copies cannot be stored, as far as that is known.
func (r *Recordings) StoreErr() error {
	_, err := r.store()
	return err
}

func (r *Recordings) isStoring() bool {
	return slices.ContainsFunc(r.Projects, func(p RecordedProject) bool { return p.Store })
}

func (r *Recordings) validate() error {
	if len(r.Projects) > 0 && r.Reader == nil {
		return errors.New("there is nothing to read the recordings from")
	}
	return nil
}

// recorded holds the result of the last read of the recordings.
type recorded struct {
	states []RecordedState
	at     time.Time // of the last successful read; zero: none
	err    error     // of the last read

	tried time.Time     // when it was last read
	took  time.Duration // of that read
}

// countShare limits the time that counting recordings takes: at most one part in
// so many. In a large archive a count takes seconds.
const countShare = 20

// recount reads the recordings, unless that was done a short time ago compared to
// the time it took. An error changes nothing else in the snapshot.
func (w *watch) recount(ctx context.Context, s *snapshot) *snapshot {
	if len(w.recordings.Projects) == 0 || time.Since(s.recorded.tried) < countShare*s.recorded.took {
		return s
	}
	limited, cancel := context.WithTimeout(ctx, watchTimeout)
	defer cancel()
	at := time.Now()
	states, err := w.recordings.Read(limited)
	if ctx.Err() != nil {
		return s // stopped, which is not an error of the destination
	}
	counted := *s
	counted.recorded.tried, counted.recorded.took, counted.recorded.err = at, time.Since(at), err
	if err == nil {
		counted.recorded.states, counted.recorded.at = states, at
	} else {
		w.log.Warn("cannot count the recordings; the status page shows the last counts", "error", err)
	}
	w.latest.Store(&counted)
	return &counted
}

// storeState reports whether copies of recordings can be stored.
type storeState struct {
	tried   bool
	failing time.Time // since when they cannot; zero: they can, or it is not known
	err     error
}

// next returns the state after a look at the store.
func (s storeState) next(r *Recordings, now time.Time) storeState {
	tried, err := r.store()
	switch {
	case err == nil:
		return storeState{tried: tried}
	case s.failing.IsZero():
		s.failing = now
	}
	return storeState{tried, s.failing, err}
}
