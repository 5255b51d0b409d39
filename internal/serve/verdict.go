package serve

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"convsync/internal/load"
	"convsync/internal/pipeline"
	"convsync/internal/warehouse"
)

// The levels, from the best to the worst.
const (
	levelGood = iota
	levelLook // something to look at, when there is time
	levelBad  // data is missing or old
)

type level int

// String is the level's CSS class.
func (l level) String() string { return [...]string{"good", "look", "bad"}[l] }

// Word is the level without colours.
func (l level) Word() string { return [...]string{"well", "look", "wrong"}[l] }

// problem is something that is not well, for people.
type problem struct {
	Level level
	What  string
	Feeds []*feedView // concerned; none: all of them
	More  int         // feeds beyond those
	Since moment
	Do    string
}

// verdict is whether all is well.
type verdict struct {
	Level    level
	Sentence string
	Problems []problem // the worst first
}

// judge says whether all is well.
func (p *page) judge(s *snapshot, o *Options) verdict {
	var problems []problem
	add := func(found ...problem) { problems = append(problems, found...) }
	if !s.failing.IsZero() {
		add(problem{
			Level: levelBad, What: "The destination cannot be read: " + s.err.Error(), Since: momentOf(s.failing, p.now, time.UTC),
			Do: "See that it runs and can be reached from here; convsync check tries each step.",
		})
	}
	if s.at.IsZero() {
		return p.conclude(s, problems)
	}
	if found, ok := judgeRuns(judged(s.runs), p.now); ok {
		add(found)
	}
	add(judgeWarnings(judged(s.runs), p.now)...)
	if found, ok := judgeProof(o.Metrics.lastProof(), p.now); ok {
		add(found)
	}
	for _, kind := range feedProblems {
		if found, ok := p.gather(kind); ok {
			add(found)
		}
	}
	add(p.judgeAlerts(s.alerts)...)
	if s.chartsErr != nil && o.Charts != nil {
		add(problem{
			Level: levelLook, What: "The charts are not up to date: " + s.chartsErr.Error(),
			Do: "Nothing is lost: they are tried again.",
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
	switch {
	case s.at.IsZero() && len(problems) == 0:
		v.Level, v.Sentence = levelLook, "Nothing is known yet: the destination is being read for the first time."
	case v.Level == levelBad:
		v.Sentence = "Something is wrong."
	case len(p.Feeds) == 0:
		v.Sentence = "All is well, but no project is configured."
	case v.Level == levelLook:
		v.Sentence = "The data is up to date, with " + count(int64(len(problems)), "thing") + " to look at."
		if !p.fresh() {
			v.Sentence = "There is something to look at."
		}
	default:
		v.Sentence = fmt.Sprintf("All is well: all is read up to %s.", p.oldestWatermark().Ago)
	}
	return v
}

// judgeRuns looks at the newest run, and how long it has been like that.
func judgeRuns(runs []warehouse.SyncRun, now time.Time) (problem, bool) {
	if len(runs) == 0 {
		return problem{Level: levelLook, What: "There was no run yet.", Do: "The next one is listed below; convsync run starts one now."}, true
	}
	if runs[0].Status == warehouse.RunSucceeded {
		return problem{}, false
	}
	first := 0
	for first+1 < len(runs) && runs[first+1].Status != warehouse.RunSucceeded {
		first++
	}
	found := problem{Level: levelBad, Since: stampOf(runs[first].StartedAt, now, time.UTC)}
	switch runs[0].Status {
	case warehouse.RunPartial:
		found.Level = levelLook
		found.What, found.Do = "The last run was not complete", "What it could read is kept, and the next run reads the rest. Its errors stand below."
	case warehouse.RunKilled:
		found.Level = levelLook
		found.What, found.Do = "The last run was ended from outside before it was done", "The next run goes on from what it kept. See whether memory or time ran out."
	default:
		found.What, found.Do = "The last run failed", "Its errors stand below; convsync check tries each step."
	}
	if first > 0 {
		found.What += fmt.Sprintf(", and %s before it did not succeed either", count(int64(first), "run"))
	}
	found.What += "."
	return found, true
}

// judgeWarnings lists the warnings of the newest run that was recorded.
func judgeWarnings(runs []warehouse.SyncRun, now time.Time) (found []problem) {
	if len(runs) == 0 {
		return nil
	}
	for _, warning := range inWords(string(runs[0].Warnings)) {
		found = append(found, problem{
			Level: levelLook, What: "The last run warns: " + warning + ".", Since: stampOf(runs[0].StartedAt, now, time.UTC),
			Do: "The next run without this warning ends it.",
		})
	}
	return found
}

// judgeProof looks at the last verification of this process.
func judgeProof(r *pipeline.Report, now time.Time) (problem, bool) {
	if r == nil || r.Status == warehouse.RunSucceeded || len(r.Errors) == 0 {
		return problem{}, false
	}
	return problem{
		Level: levelBad, What: "The last verification did not succeed: " + errors.Join(r.Errors...).Error() + ".", Since: momentOf(r.FinishedAt, now, time.UTC),
		Do: "What differs is to be looked at before it is mended: it may have been changed by hand. The next verification that succeeds ends this.",
	}, true
}

// feedProblem is something that can be wrong with single feeds.
type feedProblem struct {
	level level
	what  func(n int64) string
	do    string
	// has tells whether a feed has it, and since when as far as that is known.
	has func(f *feedView) (time.Time, bool)
}

var feedProblems = []*feedProblem{
	{levelBad, func(n int64) string { return count(n, "feed") + " not read for too long:" },
		"The errors of the last runs below say why; convsync check tries each step.",
		func(f *feedView) (time.Time, bool) { return f.staleSince, !f.staleSince.IsZero() }},
	{levelLook, func(n int64) string { return count(n, "feed") + " with nothing read yet:" },
		"The next run reads them, the newest first. If that stays, the errors of the last runs say why.",
		func(f *feedView) (time.Time, bool) { return time.Time{}, f.Watermark.IsZero() && !f.begun }},
	{levelLook, func(n int64) string { return count(n, "feed") + " not read back to the beginning yet:" },
		"The newest is there, and the next run goes on towards the beginning. If that stays, the errors of the last runs say why.",
		func(f *feedView) (time.Time, bool) { return time.Time{}, f.Watermark.IsZero() && f.begun }},
	{levelLook, func(n int64) string { return count(n, "feed") + " with gaps in what is read:" },
		"The next run reads them. If they stay, the errors of the last runs say why.",
		func(f *feedView) (time.Time, bool) { return time.Time{}, !f.Watermark.IsZero() && len(f.gaps) > 0 }},
	{levelLook, func(n int64) string { return count(n, "feed") + " with seconds that the source cannot answer for:" },
		"All else is read, and they are asked for again from time to time. Send PolyAI the time and the correlation id of the error.",
		func(f *feedView) (time.Time, bool) { return time.Time{}, len(f.Holes) > 0 }},
	{levelLook, func(n int64) string { return count(n, "feed") + " with conversations that could not be read:" },
		"They are kept as they came. After an update of convsync, convsync replay reads them again.",
		func(f *feedView) (time.Time, bool) { return time.Time{}, f.Rejects > 0 }},
	{levelLook, func(n int64) string {
		return count(n, "feed") + " whose conversations arrive or change near the edge of the lookback:"
	},
		"Later ones would be lost: make sync.lookback.daily longer, or let convsync verify --repair go over older weeks.",
		func(f *feedView) (time.Time, bool) { return time.Time{}, f.late }},
}

// namedFeeds is how many feeds a problem names.
const namedFeeds = 8

// gather finds the feeds that have a problem, and marks them.
func (p *page) gather(kind *feedProblem) (problem, bool) {
	found, n := problem{Level: kind.level, Do: kind.do}, int64(0)
	var since time.Time
	for _, f := range p.Feeds {
		at, has := kind.has(f)
		if !has {
			continue
		}
		n++
		f.Level = max(f.Level, kind.level)
		if !at.IsZero() && (since.IsZero() || at.Before(since)) {
			since = at
		}
		if len(found.Feeds) < namedFeeds {
			found.Feeds = append(found.Feeds, f)
		}
	}
	found.What, found.More = kind.what(n), int(n)-len(found.Feeds)
	found.Since = momentOf(since, p.now, time.UTC)
	return found, n > 0
}

// fresh reports whether every feed is read up to not too long ago.
func (p *page) fresh() bool {
	for _, f := range p.Feeds {
		if f.Watermark.IsZero() || !f.staleSince.IsZero() {
			return false
		}
	}
	return true
}

func (p *page) oldestWatermark() moment {
	oldest := moment{}
	for _, f := range p.Feeds {
		if oldest.IsZero() || f.Watermark.At.Before(oldest.At) {
			oldest = f.Watermark
		}
	}
	return oldest
}

const (
	// enoughLate is how many it takes for a 99th percentile to mean something.
	enoughLate = 100
	// nearEdge is the share of the lookback within which 99 of 100 should come.
	nearEdge = 0.8
)

// comesLate reports whether arrivals or changes come near the edge of the
// lookback, beyond which they would be lost.
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

// inWords splits the errors of a run, which stand a line each.
func inWords(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}
