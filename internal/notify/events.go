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

// Ran takes in what came of a run of a schedule: its report, nil where it came
// to none, as one that only compares, and the error that ended it as a whole. A run that was told to stop,
// by ctx or as its error says, and one that found another writing, tell nothing
// of how things are.
func (n *Notifier) Ran(ctx context.Context, schedule string, report *pipeline.Report, err error) {
	var locked *load.LockedError
	if errors.Is(err, context.Canceled) || errors.Is(ctx.Err(), context.Canceled) && err != nil || errors.As(err, &locked) {
		return
	}
	now := time.Now()
	n.change(ctx, now, func(s *state) {
		if s.judge(schedule, report, err, now) {
			n.beat = n.beat || report != nil && report.Status == warehouse.RunSucceeded
		}
	})
}

// judge looks at a run, and tells whether it came to its end. What comes of the
// destination is an incident of its own, which is the same for all schedules,
// and for who looks at it between runs.
func (s *state) judge(schedule string, report *pipeline.Report, err error, now time.Time) (ended bool) {
	var whole []error
	if report != nil {
		whole = s.judgeProjects(report, err == nil, now)
	}
	if err != nil && len(whole) == 0 {
		whole = []error{err}
	}
	switch {
	case pipeline.IsDestination(err):
		s.open(destinationAway(errors.Join(whole...), true, now))
		return false
	case len(whole) > 0:
		s.open(runFailed(schedule, errors.Join(whole...), now))
		return false
	}
	runs := subject{schedule: schedule}
	s.close(kindDestination, subject{}, now)
	s.close(kindRun, runs, now)
	if report != nil && len(report.Errors) == 0 && report.Status == warehouse.RunPartial {
		s.open(tooManyRejects(schedule, report.NewRejects, now))
	} else {
		s.close(kindRejects, runs, now)
	}
	return true
}

// blip is how long the destination may be away between runs without a word: a
// server that is started anew is none to wake people for.
const blip = 15 * time.Second

// Reached takes in whether the destination can be read: since when it cannot,
// and why; the zero time: it can. It is what notices an outage while nothing
// runs. What a run met is over when a run succeeds: who can read may not yet be
// able to write.
func (n *Notifier) Reached(ctx context.Context, failing time.Time, why error, now time.Time) {
	n.mu.Lock()
	i := n.state.find(kindDestination, subject{})
	known, byRun := i != nil && i.Open, i != nil && i.ByRun
	n.mu.Unlock()
	switch {
	case failing.IsZero() && known && !byRun:
		n.change(ctx, now, func(s *state) { s.close(kindDestination, subject{}, now) })
	case !failing.IsZero() && !known && now.Sub(failing) >= blip:
		n.change(ctx, now, func(s *state) { s.open(destinationAway(why, false, failing)) })
	}
}

// Idle takes in since when no run happened although two were scheduled; the zero
// time: runs happen.
func (n *Notifier) Idle(ctx context.Context, since, now time.Time) {
	n.mu.Lock()
	i := n.state.find(kindIdle, subject{})
	known := i != nil && i.Open
	n.mu.Unlock()
	switch {
	case since.IsZero() && known:
		n.change(ctx, now, func(s *state) { s.close(kindIdle, subject{}, now) })
	case !since.IsZero() && !known:
		n.change(ctx, now, func(s *state) { s.open(noRun(since, now)) })
	}
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
			s.close(kindProject, of(feed), now)
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
				s.close(kindOld, of(feed), now)
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
	if i := s.find(kindProject, of(feed)); i != nil && i.Open {
		return "its last run failed: " + i.Why
	}
	for _, kind := range []string{kindDestination, kindRun} {
		for _, i := range s.Incidents {
			if i.Kind == kind && i.Open {
				return "its last run failed: " + i.Why
			}
		}
	}
	return "no failed run is known: either no run was started, or one takes very long"
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
