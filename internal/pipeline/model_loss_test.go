package pipeline

import (
	"errors"
	"maps"

	"pgregory.net/rapid"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// loss is a failover, or a crash, after which the destination lacks its last
// commits. It notices that, and refuses all that the run does from then on.
type loss struct {
	at      int // the number of the call before which it happens, from 1; 0: it does not
	commits int // that are lost: at most all of this run
}

var errLostCommits = errors.New("the made-up destination has lost commits")

// moment is what was stored after a commit.
type moment struct {
	rows  map[string]*warehouse.Rows
	feeds map[load.Feed]storedFeed
}

// remember keeps what is stored now, for a loss.
func (s *store) remember() {
	feeds := map[load.Feed]storedFeed{}
	for f, stored := range s.feeds {
		feeds[f] = *stored
	}
	s.history = append(s.history, moment{maps.Clone(s.rows), feeds})
}

// forget takes back the last commits of the last run.
func (s *store) forget(commits int) {
	s.history = s.history[:max(len(s.history)-commits, 1)]
	m := s.history[len(s.history)-1]
	s.rows = maps.Clone(m.rows)
	for f, stored := range s.feeds {
		*stored = m.feeds[f]
	}
}

// loses has a loss happen when it is time for it.
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

// lose has the destination lose commits between two runs.
func (w *world) lose(commits int) {
	if len(w.store.history) > 0 {
		w.store.forget(commits)
	}
}
