package notify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"convsync/internal/load"
	"convsync/internal/pipeline"
	"convsync/internal/warehouse"
)

// Ran takes in what came of a run: its report, nil where it came to none, and
// the error that ended it as a whole. A run that was told to stop, by ctx or as
// its error says, tells nothing of how things are.
func (n *Notifier) Ran(ctx context.Context, report *pipeline.Report, err error) {
	if errors.Is(err, context.Canceled) || errors.Is(ctx.Err(), context.Canceled) && err != nil {
		return
	}
	now := time.Now()
	n.change(ctx, now, func(s *state) {
		if report == nil {
			if err != nil {
				s.open(runFailed(err, now))
			}
			return
		}
		whole := s.judgeProjects(report, err == nil, now)
		if err != nil && len(whole) == 0 {
			whole = []error{err}
		}
		if len(whole) > 0 {
			s.open(runFailed(errors.Join(whole...), now))
			return
		}
		s.close(kindRun, load.Feed{}, now)
		if len(report.Errors) == 0 && report.Status == warehouse.RunPartial {
			s.open(tooManyRejects(report.NewRejects, now))
		} else {
			s.close(kindRejects, load.Feed{}, now)
		}
		n.beat = n.beat || report.Status == warehouse.RunSucceeded
	})
}

// judgeProjects looks at each feed of a run, and returns the errors that are of
// none of them. Only a run that came to its end has read the others whole.
func (s *state) judgeProjects(report *pipeline.Report, ended bool, now time.Time) (whole []error) {
	failed := map[load.Feed]bool{}
	for _, err := range report.Errors {
		feed, why, ok := feedOf(report, err)
		if !ok {
			whole = append(whole, err)
			continue
		}
		failed[feed] = true
		s.open(projectFailed(feed, why, now))
	}
	if !ended || len(whole) > 0 {
		return whole
	}
	for _, p := range report.Projects {
		if feed := (load.Feed{ProjectID: p.ProjectID, Environment: p.Environment}); !failed[feed] {
			s.close(kindProject, feed, now)
		}
	}
	return nil
}

// feedOf finds the feed that an error of a report begins with, and the rest.
func feedOf(report *pipeline.Report, err error) (feed load.Feed, why string, ok bool) {
	for _, p := range report.Projects {
		if why, ok := strings.CutPrefix(err.Error(), fmt.Sprintf("project %s (%s): ", p.ProjectID, p.Environment)); ok {
			return load.Feed{ProjectID: p.ProjectID, Environment: p.Environment}, why, true
		}
	}
	return load.Feed{}, "", false
}

// Marks is up to when each of the configured feeds is covered; 0: nothing is yet.
type Marks = map[load.Feed]warehouse.Timestamp

// Ages takes in how far all configured feeds are covered. It is to be called
// every few minutes: it is what notices that no run comes, and what tries again
// to deliver. Incidents of feeds that are not listed are dropped.
func (n *Notifier) Ages(ctx context.Context, marks Marks, now time.Time) {
	n.change(ctx, now, func(s *state) {
		s.keepFeeds(marks)
		for _, feed := range slices.SortedFunc(maps.Keys(marks), compareFeeds) {
			covered := time.Time{}
			since := s.waitingOr(feed, marks[feed], now)
			if marks[feed] != 0 {
				covered = since
			}
			if now.Sub(since) < n.options.StaleAfter {
				s.close(kindOld, feed, now)
				continue
			}
			s.open(dataOld(feed, covered, s.whyOld(feed), since.Add(n.options.StaleAfter)))
		}
	})
}

// waitingOr is up to when a feed is covered, or since when it waits to be.
func (s *state) waitingOr(feed load.Feed, mark warehouse.Timestamp, now time.Time) time.Time {
	if mark == 0 {
		return s.waitingSince(feed, now)
	}
	return mark.Time()
}

// whyOld is what is known of why a feed is not read further.
func (s *state) whyOld(feed load.Feed) string {
	for _, i := range []*incident{s.find(kindProject, feed), s.find(kindRun, load.Feed{})} {
		if i != nil && i.Open {
			return "its last run failed: " + i.Why
		}
	}
	return "no run that failed is known: perhaps none was started, or one takes very long"
}

func compareFeeds(a, b load.Feed) int {
	if c := strings.Compare(a.ProjectID, b.ProjectID); c != 0 {
		return c
	}
	return strings.Compare(a.Environment, b.Environment)
}

// change takes in an event, keeps what came of it, and has it told.
func (n *Notifier) change(ctx context.Context, now time.Time, event func(*state)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	event(&n.state)
	n.state.forget(n.channels, now)
	n.save(ctx)
	select {
	case n.wake <- struct{}{}:
	default: // it is awake already
	}
}
