package serve

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"convsync/internal/load"
	"convsync/internal/pipeline"
	"convsync/internal/warehouse"
)

// The levels, from the best to the worst.
const (
	levelGood = iota
	levelLook // a problem that is not urgent
	levelBad  // data is missing or old
)

type level int

// String is the level's CSS class.
func (l level) String() string { return [...]string{"good", "look", "bad"}[l] }

// Word is the badge of the level.
func (l level) Word() string { return [...]string{"OK", "Attention", "Failing"}[l] }

// problem is an entry in the list of problems.
type problem struct {
	Level   level
	What    string      // a clause without a full stop that starts with its subject
	Why     string      // the full error, if there is one
	Feeds   []*feedView // not named in What
	More    int         // number of feeds not in Feeds
	Since   moment
	Do      string
	Runbook string // its name; "": none

	Said  bool        // the verdict's sentence is What
	about []*feedView // all affected feeds
}

// verdict is the overall state.
type verdict struct {
	Level    level
	Sentence string
	Problems []problem // the worst first
}

// judge computes the overall state.
func (p *page) judge(s *snapshot, o *Options) verdict {
	var problems []problem
	add := func(found ...problem) { problems = append(problems, found...) }
	if !s.failing.IsZero() {
		add(problem{
			Level:   levelBad,
			What:    "The destination cannot be read: " + s.err.Error(),
			Since:   momentOf(s.failing, p.now, time.UTC),
			Do:      "Check that it is running and can be reached from this machine; `convsync check` tests each step.",
			Runbook: runbookDestination,
		})
	}
	if s.at.IsZero() {
		return p.conclude(s, problems)
	}
	add(p.judgeFailing()...)
	if since := s.idleSince(o, o.started, p.now); !since.IsZero() {
		add(problem{
			Level:   levelBad,
			What:    "No run has started for " + length(p.now.Sub(since)) + ", twice the scheduled interval",
			Since:   momentOf(since, p.now, time.UTC),
			Do:      "Check that `convsync serve` is running and that its machine's clock is correct; `convsync run` starts a run now.",
			Runbook: runbookRunStalls,
		})
	}
	if found, ok := p.judgeFirstLoad(); ok {
		add(found)
	}
	if found, ok := p.judgeRuns(judged(s.runs)); ok {
		add(found)
	}
	add(judgeWarnings(judged(s.runs), p.now)...)
	for _, r := range o.Metrics.failedVerifications(p.Feeds) {
		add(judgeVerification(r, p.now))
	}
	for _, kind := range feedProblems {
		if found, ok := p.gather(kind); ok {
			add(found)
		}
	}
	add(p.judgeAlerts(s.alerts)...)
	add(p.judgeRecordings(s)...)
	if s.chartsErr != nil && o.Charts != nil {
		add(problem{
			Level: levelLook, What: "The charts are not up to date: " + s.chartsErr.Error(),
			Do: "No data is affected. The page draws them again within 10 minutes.",
		})
	}
	return p.conclude(s, problems)
}

func (p *page) conclude(s *snapshot, problems []problem) verdict {
	v := verdict{}
	for _, wanted := range []level{levelBad, levelLook} {
		for _, found := range problems {
			if found.Level == wanted {
				v.Problems = append(v.Problems, found)
				v.Level = max(v.Level, wanted)
			}
		}
	}
	if len(v.Problems) > 0 {
		v.Problems[0].Said = len(v.Problems[0].What) <= longestSentence
	}
	switch {
	case s.at.IsZero() && len(problems) == 0:
		v.Level, v.Sentence = levelLook, "Starting: the destination is being read for the first time."
	case v.Level == levelGood && len(p.Feeds) == 0:
		v.Sentence = "All is well, but no project is configured."
	case v.Level == levelGood:
		v.Sentence = fmt.Sprintf("All is well: data is complete up to %s.", p.oldestWatermark().Ago)
	case v.Level == levelLook && p.fresh():
		v.Sentence = "The data is up to date, with " + count(int64(len(problems)), "issue") + ": " + sentence(v.Problems[0].What)
	default:
		v.Sentence = sentence(v.Problems[0].What)
		if more := len(v.Problems) - 1; more > 0 {
			v.Sentence += " " + count(int64(more), "more issue") + "."
		}
	}
	return v
}

// longestSentence is the maximum length of the headline, in characters.
const longestSentence = 160

func sentence(clause string) string {
	clause, _, _ = strings.Cut(clause, "\n")
	if runes := []rune(clause); len(runes) > longestSentence {
		return strings.TrimSpace(string(runes[:longestSentence])) + "…"
	}
	return strings.TrimSuffix(clause, ".") + "."
}

// judgeRuns checks the newest run, and since when runs have not succeeded. If only
// feeds failed, these are listed instead of the run.
func (p *page) judgeRuns(runs []warehouse.SyncRun) (problem, bool) {
	if len(runs) == 0 && (len(p.Running) > 0 || slices.ContainsFunc(p.Feeds, func(f *feedView) bool { return f.loading && f.loaded > 0 })) {
		return problem{}, false // the first run is in progress
	}
	if len(runs) == 0 {
		return problem{Level: levelLook, What: "No run has finished yet", Do: "The next one is listed below; `convsync run` starts one now."}, true
	}
	if runs[0].Status == warehouse.RunSucceeded || p.accounted(&runs[0]) {
		return problem{}, false
	}
	first := 0
	for first+1 < len(runs) && runs[first+1].Status != warehouse.RunSucceeded {
		first++
	}
	found := problem{Level: levelBad, Since: stampOf(runs[first].StartedAt, p.now, time.UTC), Why: string(runs[0].Error), Runbook: runbookRunsFail}
	switch runs[0].Status {
	case warehouse.RunPartial:
		found.Level, found.Runbook = levelLook, runbookRunsArePartial
		found.What, found.Do = "The last run was partial", "What it read is stored, and the next run reads the rest."
	case warehouse.RunKilled:
		found.Level, found.Runbook = levelLook, ""
		found.What, found.Do = "The last run was killed before it finished", "The next run continues where it stopped. Check whether the run hit a memory or time limit."
	default:
		found.What, found.Do = "The last run failed", "`convsync check` tests each step and says what to fix."
	}
	if lines := inWords(found.Why); len(lines) > 0 {
		found.What += ": " + pipeline.Brief(lines[0])
	}
	if first > 0 {
		found.Do = "The " + strings.TrimPrefix(count(int64(first), "run"), "1 ") + " before it did not succeed either. " + found.Do
	}
	return found, true
}

// judgeFirstLoad reports the progress of the first load, which is not a failure.
func (p *page) judgeFirstLoad() (problem, bool) {
	found, n, percent := problem{Level: levelLook}, 0, 0
	for _, f := range p.Feeds {
		if !f.loading || f.Failure != nil {
			continue
		}
		n++
		percent += f.loaded
		f.Level = max(f.Level, levelLook)
		if len(found.Feeds) < namedFeeds {
			found.Feeds = append(found.Feeds, f)
		}
	}
	if n == 0 {
		return problem{}, false
	}
	found.What, found.More, found.about = fmt.Sprintf("First load, %d %% read", percent/n), n-len(found.Feeds), found.Feeds
	found.Do = "The newest conversations are read first, so that the last days are complete early. A run that is interrupted continues where it stopped."
	return found, true
}

// judgeWarnings lists the warnings of the newest recorded run.
func judgeWarnings(runs []warehouse.SyncRun, now time.Time) (found []problem) {
	if len(runs) == 0 {
		return nil
	}
	for _, warning := range inWords(string(runs[0].Warnings)) {
		warning, why, _ := strings.Cut(warning, ": ")
		found = append(found, problem{
			Level: levelLook,
			What:  "Warning of the last run: " + warning,
			Why:   why,
			Since: stampOf(runs[0].StartedAt, now, time.UTC),
			Do:    "The next run without this warning clears it.",
		})
	}
	return found
}

// feedProblem is a kind of problem of a single feed.
type feedProblem struct {
	level     level
	one, many string // text after the name of one feed, or of several
	do        string
	runbook   string
	// has reports whether a feed has the problem, and since when if that is known.
	has func(f *feedView) (time.Time, bool)
}

// Feeds that are failing or in their first load are listed as such instead.
var feedProblems = []*feedProblem{
	{levelBad, "has old data", "have old data",
		"See the errors of the last runs; `convsync check` tests each step.", runbookDataIsOld,
		func(f *feedView) (time.Time, bool) { return f.staleSince, !f.staleSince.IsZero() && f.Failure == nil }},
	{levelLook, "has gaps in its coverage", "have gaps in their coverage",
		"The next run reads them. If they remain, see the errors of the last runs.", "",
		func(f *feedView) (time.Time, bool) {
			return time.Time{}, !f.loading && len(f.gaps) > 0 && f.Failure == nil
		}},
	{levelLook, "has seconds that the source fails to return", "have seconds that the source fails to return",
		"Everything else is read, and these seconds are requested again from time to time. Send PolyAI the time and the correlation ID of the error.", "",
		func(f *feedView) (time.Time, bool) { return time.Time{}, len(f.Holes) > 0 }},
	{levelLook, "has rejected conversations", "have rejected conversations",
		"They are stored in the table rejects. After an update of convsync, `convsync replay` loads those that it can now read.", runbookRejects,
		func(f *feedView) (time.Time, bool) { return time.Time{}, f.Rejects > 0 }},
	{levelLook, "has conversations that arrive or change near the end of the lookback", "have conversations that arrive or change near the end of the lookback",
		"Later ones would be missed: increase sync.lookback.daily, or run `convsync verify --repair` over older weeks.", runbookLate,
		func(f *feedView) (time.Time, bool) { return time.Time{}, f.late }},
}

// namedFeeds is the number of feeds that a problem names.
const namedFeeds = 8

// gather finds the feeds that have a problem, and raises their level.
func (p *page) gather(kind *feedProblem) (problem, bool) {
	found := problem{Level: kind.level, Do: kind.do, Runbook: kind.runbook}
	var since time.Time
	for _, f := range p.Feeds {
		at, has := kind.has(f)
		if !has {
			continue
		}
		found.about = append(found.about, f)
		f.Level = max(f.Level, kind.level)
		if !at.IsZero() && (since.IsZero() || at.Before(since)) {
			since = at
		}
	}
	found.Since = momentOf(since, p.now, time.UTC)
	switch n := len(found.about); n {
	case 0:
		return problem{}, false
	case 1:
		found.What = found.about[0].Name() + " " + kind.one
	default:
		found.What = fmt.Sprintf("%s and %s %s", found.about[0].Name(), count(int64(n-1), "more feed"), kind.many)
		found.Feeds = found.about[:min(n, namedFeeds)]
		found.More = n - len(found.Feeds)
	}
	if !since.IsZero() {
		found.What += fmt.Sprintf(": read up to %s", oldestOf(found.about).Ago)
	}
	return found, true
}

// fresh reports whether no feed is stale, failing or in its first load.
func (p *page) fresh() bool {
	for _, f := range p.Feeds {
		if f.loading || !f.staleSince.IsZero() || f.Failure != nil && !f.Failure.needsConfirmation() {
			return false
		}
	}
	return true
}

func (p *page) oldestWatermark() moment { return oldestOf(p.Feeds) }

func oldestOf(feeds []*feedView) moment {
	oldest := moment{}
	for _, f := range feeds {
		if oldest.IsZero() || f.Watermark.At.Before(oldest.At) {
			oldest = f.Watermark
		}
	}
	return oldest
}

const (
	// enoughLate is the minimum count for a meaningful 99th percentile.
	enoughLate = 100
	// nearEdge is the share of the lookback that the 99th percentile should not exceed.
	nearEdge = 0.8
)

// comesLate reports whether arrivals or changes are near the end of the lookback,
// beyond which runs would miss them.
func comesLate(summary *load.FeedSummary, lookback time.Duration) bool {
	if lookback == 0 {
		return false
	}
	for _, measure := range []string{load.LateArrival, load.LateFinal, load.LateChange} {
		p99, n := load.Late(summary.Lateness, measure, 0.99)
		if n >= enoughLate && float64(p99) > nearEdge*float64(lookback) {
			return true
		}
	}
	return false
}

// inWords splits the errors of a run, one per line.
func inWords(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}
