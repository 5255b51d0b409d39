package serve

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"convsync/internal/load"
	"convsync/internal/pipeline"
	"convsync/internal/warehouse"
)

// failure is why a feed cannot be read.
type failure struct {
	Why   string // as sync_runs has it, without the feed's name
	since time.Time
}

// Brief is the failure in a few words.
func (f *failure) Brief() string { return pipeline.Brief(f.Why) }

// needsConfirmation: the feed is read, and waits for a person only.
func (f *failure) needsConfirmation() bool { return pipeline.NeedsConfirmation(f.Why) }

// failureOf finds the failure of a feed in the last runs, newest first; nil: it
// was read since. A run of other projects says nothing of this one: a run counts
// as having read a feed when the feed's coverage is as new as the run.
func failureOf(runs []warehouse.SyncRun, f load.Feed, state *load.FeedState) *failure {
	read := lastRead(state)
	var found *failure
	for i := range runs {
		run := &runs[i]
		if why, failed := pipeline.FeedFailure(string(run.Error), f); failed {
			if run.FinishedAt.Valid && run.FinishedAt.V < read {
				break
			}
			if found == nil {
				found = &failure{Why: why}
			}
			found.since = run.StartedAt.Time()
			continue
		}
		began := warehouse.TimestampOf(run.StartedAt.Time().Truncate(time.Second))
		if (run.Status == warehouse.RunSucceeded || run.Status == warehouse.RunPartial) && read >= began {
			break
		}
	}
	return found
}

// lastRead is when some of a feed was last read and stored; 0: never.
func lastRead(state *load.FeedState) warehouse.Timestamp {
	read := state.WatermarkAt
	for i := range state.Coverage {
		read = max(read, state.Coverage[i].ReadAt)
	}
	return read
}

// firstLoad is how much of the history of a feed is read, in percent, while its
// first load is not complete; loading: it is not.
func firstLoad(state *load.FeedState, start, now time.Time) (percent int, loading bool) {
	if state.Watermark != 0 {
		return 100, false
	}
	whole := now.Sub(start)
	if start.IsZero() || whole <= 0 {
		return 0, true
	}
	read := time.Duration(0)
	for i := range state.Coverage {
		from, until := later(state.Coverage[i].From.Time(), start), earlier(state.Coverage[i].Until.Time(), now)
		read += max(until.Sub(from), 0)
	}
	return min(int(100*read.Seconds()/whole.Seconds()), 99), true
}

// judgeFailing lists the failing feeds, each with its error: they come first.
func (p *page) judgeFailing() (problems []problem) {
	more := 0
	for _, f := range p.Feeds {
		if f.Failure == nil {
			continue
		}
		found := problem{
			Level: levelBad, What: f.Name() + " is failing: " + f.Failure.Brief(), Why: strings.TrimPrefix(f.Failure.Why, f.Failure.Brief()+": "), about: []*feedView{f},
			Since: momentOf(f.Failure.since, p.now, time.UTC), Runbook: runbookRunsFail,
			Do: "What was read is stored, and each run tries again. `convsync check` tests each step and says what to fix.",
		}
		if f.Failure.needsConfirmation() {
			found.Level, found.What, found.Runbook = levelLook, f.Name()+": "+f.Failure.Brief(), runbookMissing
			found.Do = "Nothing was changed. Check that the API key can still read the whole project, then confirm with `convsync verify --repair`."
		}
		f.Level = max(f.Level, found.Level)
		if len(problems) == namedFeeds {
			more++
			continue
		}
		problems = append(problems, found)
	}
	if more > 0 {
		problems = append(problems, problem{
			Level: levelBad, What: fmt.Sprintf("%s failing", isAre(int64(more), "more feed")), Do: "See their errors in the list of feeds.", Runbook: runbookRunsFail,
		})
	}
	return problems
}

func isAre(n int64, thing string) string {
	if n == 1 {
		return count(n, thing) + " is"
	}
	return count(n, thing) + " are"
}

// accounted reports whether each error of a run is that of a feed, which is
// listed as failing unless it is not shown, so that the run itself needs no line.
func (p *page) accounted(run *warehouse.SyncRun) bool {
	lines := inWords(string(run.Error))
	if len(lines) == 0 {
		return false
	}
	if !anyFeed.MatchString(lines[0]) { // lines after that may continue a feed's error
		return false
	}
	for _, line := range lines {
		if f := p.namedIn(line); f != nil && f.Failure == nil {
			return false
		}
	}
	return true
}

// anyFeed is the beginning of a feed's error, also of one that is not shown.
var anyFeed = regexp.MustCompile(`^project \S+ \([^)]+\): `)

func (p *page) namedIn(line string) *feedView {
	for _, f := range p.Feeds {
		if _, found := pipeline.FeedFailure(line, load.Feed{ProjectID: f.ProjectID, Environment: f.Environment}); found {
			return f
		}
	}
	return nil
}
