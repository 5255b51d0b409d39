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

// failure is the reason why a feed is failing.
type failure struct {
	Why   string // as in sync_runs, without the name of the feed
	since time.Time
}

// Brief is a short form of the failure.
func (f *failure) Brief() string { return pipeline.Brief(f.Why) }

// needsConfirmation reports whether the feed was read, and only waits for a
// confirmation by a user.
func (f *failure) needsConfirmation() bool { return pipeline.NeedsConfirmation(f.Why) }

// failureOf finds the current failure of a feed in the last runs, newest first;
// nil: none. A run counts as a successful read of the feed only if the coverage
// of the feed is as new as the run, because runs can be limited to projects.
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

// lastRead is the last time at which data of a feed was read and stored; 0: never.
func lastRead(state *load.FeedState) warehouse.Timestamp {
	read := state.WatermarkAt
	for i := range state.Coverage {
		read = max(read, state.Coverage[i].ReadAt)
	}
	return read
}

// firstLoad returns the share of the history that is read, in percent, and
// whether the first load of the feed is in progress.
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

// judgeFailing lists the failing feeds, each with its error.
func (p *page) judgeFailing() (problems []problem) {
	more := 0
	for _, f := range p.Feeds {
		if f.Failure == nil {
			continue
		}
		found := problem{
			Level:   levelBad,
			What:    f.Name() + " is failing: " + f.Failure.Brief(),
			Why:     strings.TrimPrefix(f.Failure.Why, f.Failure.Brief()+": "),
			about:   []*feedView{f},
			Since:   momentOf(f.Failure.since, p.now, time.UTC),
			Runbook: runbookRunsFail,
			Do:      "What was read is stored, and each run tries again. `convsync check` tests each step and says what to fix.",
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

// accounted reports whether each error of a run belongs to a feed that is listed
// as failing or not shown, so that the run itself needs no entry.
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

// anyFeed matches the prefix of the error of any feed, including feeds that are
// not shown.
var anyFeed = regexp.MustCompile(`^project \S+ \([^)]+\): `)

func (p *page) namedIn(line string) *feedView {
	for _, f := range p.Feeds {
		if _, found := pipeline.FeedFailure(line, load.Feed{ProjectID: f.ProjectID, Environment: f.Environment}); found {
			return f
		}
	}
	return nil
}
