package serve

import (
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// The verdicts, for machines.
const (
	VerdictOK        = "ok"
	VerdictAttention = "attention" // something to look at, when there is time
	VerdictFailing   = "failing"   // data is missing or old
)

// verdict is the level for machines.
func (l level) verdict() string { return [...]string{VerdictOK, VerdictAttention, VerdictFailing}[l] }

// Stored is what a destination holds, as far as it is assessed.
type Stored struct {
	States    map[load.Feed]load.FeedState
	Summaries map[load.Feed]load.FeedSummary
	Runs      []warehouse.SyncRun // newest first
}

// Assessment is what the page says, for those who have no page.
type Assessment struct {
	Verdict  string // of all: the worst
	Sentence string // for people
	Problems []AssessedProblem
	Feeds    []AssessedFeed // the worst first
}

// AssessedProblem is something that is not well.
type AssessedProblem struct {
	Verdict, What, Do string
	Error             string    // the whole error, where there is one
	Since             time.Time // zero: not known
	Runbook           string    // its name in docs/runbooks; "": none
}

// AssessedFeed is how a feed is.
type AssessedFeed struct {
	load.Feed
	Verdict      string
	Error        string    // why it fails; "": it does not
	FailingSince time.Time // zero: it does not fail
	Loading      bool      // its first load is not complete
	ReadPercent  int       // of its history, while it is loading
}

// ReadRuns is how many of the last runs an assessment looks at.
const ReadRuns = shownRuns

// Assess judges what is stored as the page does. Of o, Feeds, Lookback,
// StaleAfter and SecondRunAfter are used.
func Assess(o Options, stored *Stored, now time.Time) *Assessment {
	o.setDefaults()
	s := &snapshot{at: now, states: stored.States, summaries: stored.Summaries, runs: stored.Runs}
	p := newPage(s, &o, now)
	a := &Assessment{Verdict: p.Verdict.Level.verdict(), Sentence: p.Verdict.Sentence}
	for i := range p.Verdict.Problems {
		found := &p.Verdict.Problems[i]
		what := found.What
		for n, f := range found.Feeds {
			sep := ", "
			if n == 0 {
				sep = ": "
			}
			what += sep + f.Name()
		}
		a.Problems = append(a.Problems, AssessedProblem{found.Level.verdict(), what, found.Do, found.Why, found.Since.At, found.Runbook})
	}
	for _, f := range p.Feeds {
		view := AssessedFeed{Feed: load.Feed{ProjectID: f.ProjectID, Environment: f.Environment}, Verdict: f.Level.verdict(), Loading: f.loading}
		if f.loading {
			view.ReadPercent = f.loaded
		}
		if f.Failure != nil {
			view.Error, view.FailingSince = f.Failure.Why, f.Failure.since
		}
		a.Feeds = append(a.Feeds, view)
	}
	return a
}
