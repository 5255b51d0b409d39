package serve

import (
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// The verdicts of an [Assessment].
const (
	VerdictOK        = "ok"
	VerdictAttention = "attention" // a problem that is not urgent
	VerdictFailing   = "failing"   // data is missing or old
)

// verdict is the level as reported in JSON.
func (l level) verdict() string { return [...]string{VerdictOK, VerdictAttention, VerdictFailing}[l] }

// Stored is the part of a destination that an assessment uses.
type Stored struct {
	States    map[load.Feed]load.FeedState
	Summaries map[load.Feed]load.FeedSummary
	Runs      []warehouse.SyncRun // newest first
	StoreErr  error               // why copies of recordings cannot be stored; nil: they can, or it is not known
}

// Assessment is the content of the status page, for use without the page.
type Assessment struct {
	Verdict  string // the worst of all
	Sentence string // human-readable
	Problems []AssessedProblem
	Feeds    []AssessedFeed // the worst first
}

// AssessedProblem is a problem of a feed, a run or the destination.
type AssessedProblem struct {
	Verdict, What, Do string
	Error             string    // the full error, if there is one
	Since             time.Time // zero: unknown
	Runbook           string    // its name in docs/runbooks; "": none
}

// AssessedFeed is the state of a feed.
type AssessedFeed struct {
	load.Feed
	Verdict      string
	Error        string    // why it is failing; "": it is not
	FailingSince time.Time // zero: it is not failing
	Loading      bool      // its first load is not complete
	ReadPercent  int       // of its history, while it is loading
}

// ReadRuns is the number of recent runs that an assessment uses.
const ReadRuns = shownRuns

// Assess evaluates stored data by the rules of the status page. It uses the
// options Feeds, Lookback, StaleAfter and SecondRunAfter only.
func Assess(o Options, stored *Stored, now time.Time) *Assessment {
	o.setDefaults()
	s := &snapshot{
		at:        now,
		states:    stored.States,
		summaries: stored.Summaries,
		runs:      stored.Runs,
		store:     storeState{err: stored.StoreErr},
	}
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
