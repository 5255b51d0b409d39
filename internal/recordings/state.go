package recordings

import (
	"sync"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// pairsForNoneSeen is how many equal pairs say that the key may not read raw
// recordings.
const pairsForNoneSeen = 5

// state is the recorded state of the recordings of a project, with its changes that
// are not recorded yet. It is safe for concurrent use.
type state struct {
	mu      sync.Mutex
	row     warehouse.RecordingState
	changed int // number of the last change
	written int // number of the last change that is recorded
}

func newState(row warehouse.RecordingState) *state { return &state{row: row} }

// get returns the state.
func (s *state) get() warehouse.RecordingState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.row
}

// change changes the state.
func (s *state) change(apply func(*warehouse.RecordingState)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	apply(&s.row)
	s.changed++
}

// changes returns the state if it is not recorded yet, else nil.
func (s *state) changes() (*warehouse.RecordingState, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed == s.written {
		return nil, s.changed
	}
	row := s.row
	return &row, s.changed
}

// recorded notes that the state up to a change is recorded.
func (s *state) recorded(change int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.written = max(s.written, change)
}

// compared adds a comparison of a raw with the redacted recording. It returns the new
// value of pii_access if it changed, else "".
func (s *state) compared(l likeness, now time.Time) (access warehouse.Text) {
	if l == notCompared {
		return ""
	}
	s.change(func(row *warehouse.RecordingState) {
		row.Compared++
		switch {
		case l == different:
			access = warehouse.PIIAccessYes
		case row.PIIAccess == "" && row.Compared >= pairsForNoneSeen:
			access = warehouse.PIIAccessNoneSeen
		default:
			return
		}
		if row.PIIAccess == access {
			access = ""
			return
		}
		row.PIIAccess, row.PIICheckedAt = access, warehouse.Some(warehouse.TimestampOf(now))
	})
	return access
}

// forgetCopy makes a result say that no copy is stored.
func forgetCopy(r *load.RecordingResult) {
	r.SHA256, r.StoredURI, r.StoredAt = "", "", warehouse.Null[warehouse.Timestamp]{}
}
