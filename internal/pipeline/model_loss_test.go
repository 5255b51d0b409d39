package pipeline

import (
	"errors"
	"maps"

	"pgregory.net/rapid"

	"convsync/internal/load"
	"convsync/internal/load/memory"
	"convsync/internal/warehouse"
)

// loss is a failover or a crash after which the destination lacks its last commits.
// The destination detects that, and refuses all further calls of the run.
type loss struct {
	at      int // number of the call before which it happens, from 1; 0: none
	commits int // number of lost commits, at most all of this run
}

var errLostCommits = errors.New("the scripted destination has lost commits")

// moment is the stored state after a commit.
type moment struct {
	data    *memory.Data
	visible map[load.Feed]load.VisibleAgain
}

// remember saves the current state for a loss.
func (s *store) remember() {
	s.history = append(s.history, moment{s.Snapshot(), maps.Clone(s.visible)})
	s.read()
}

// read updates the rows from what is stored.
func (s *store) read() {
	s.rows = map[string]*warehouse.Rows{}
	s.Edit(func(d *memory.Data) {
		for id, r := range d.Conversations {
			s.rows[id[1]] = r
		}
	})
}

// forget reverts the last commits of the last run.
func (s *store) forget(commits int) {
	s.history = s.history[:max(len(s.history)-commits, 1)]
	m := s.history[len(s.history)-1]
	s.visible = maps.Clone(m.visible)
	s.Edit(func(d *memory.Data) { *d = *memory.From(m.data).Snapshot() })
	s.read()
}

// loses applies the loss if it is due.
func (s *store) loses() error {
	if s.calls == s.loss.at && s.loss.at > 0 && !s.lost {
		s.lost = true
		s.forget(s.loss.commits)
	}
	if s.lost {
		return errLostCommits
	}
	return nil
}

func drawLoss(t *rapid.T) loss {
	return loss{at: rapid.IntRange(1, 12).Draw(t, "call"), commits: rapid.IntRange(1, 6).Draw(t, "commits")}
}

// checkLoss: a run whose destination lost commits ends with an error.
func (w *world) checkLoss(o *outcome) {
	if w.store.lost && !errors.Is(o.err, errLostCommits) {
		w.fail("commits were lost, and the run ended with %v", o.err)
	}
}

// lose reverts commits between two runs.
func (w *world) lose(commits int) {
	if len(w.store.history) > 0 {
		w.store.forget(commits)
	}
}
