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

// Scheduled is a run of a schedule.
type Scheduled struct {
	Schedule string
	Projects []string // of this run, by their stored ids
	All      []string // of the schedule, which may have several runs at the same time
}

// Ran processes the result of a scheduled run: its report, which is nil if there
// is none, and the error that ended it. Runs that were canceled, and runs that
// found the destination locked by another writer, are ignored: they say nothing
// about the state of the sync.
func (n *Notifier) Ran(ctx context.Context, run Scheduled, report *pipeline.Report, err error) {
	var locked *load.LockedError
	if errors.Is(err, context.Canceled) || errors.Is(ctx.Err(), context.Canceled) && err != nil || errors.As(err, &locked) {
		return
	}
	now := time.Now()
	n.change(ctx, now, func(s *state) {
		if s.judge(run, report, err, now) && report != nil && report.Status == warehouse.RunSucceeded && !s.hasFailed(run) {
			n.beat = true
		}
	})
}

// judge evaluates a run, and reports whether it finished. A failure of the
// destination is one incident for all schedules and for the checks between runs.
func (s *state) judge(run Scheduled, report *pipeline.Report, err error, now time.Time) (ended bool) {
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
		s.open(runFailed(run, errors.Join(whole...), now))
		return false
	}
	s.close(kindDestination, subject{}, now)
	s.closeRun(kindRun, run, now)
	if report != nil && len(report.Errors) == 0 && report.Status == warehouse.RunPartial {
		s.open(tooManyRejects(run, report.NewRejects, now))
	} else {
		s.closeRun(kindRejects, run, now)
	}
	return true
}

// blip is the time that the destination may be down between runs without a
// notification, such as for a restart.
const blip = 15 * time.Second

// Reached processes whether the destination can be read: since when it cannot, and
// why; the zero time: it can. It detects an outage between runs. An outage that a
// run detected ends only with a successful run, because a destination that can be
// read may not be writable yet.
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

// Idle processes since when no run has started although two scheduled times have
// passed; the zero time: runs start as scheduled.
func (n *Notifier) Idle(ctx context.Context, since, now time.Time) {
	n.follow(ctx, kindIdle, since, now, func() incident { return noRun(since, now) })
}

// Store processes since when copies of recordings cannot be stored, and why; the zero
// time: they can.
func (n *Notifier) Store(ctx context.Context, failing time.Time, why error, now time.Time) {
	n.follow(ctx, kindStore, failing, now, func() incident { return storeUnavailable(why, failing) })
}

// follow opens the incident of a kind that has one at most, or closes it if since is
// zero.
func (n *Notifier) follow(ctx context.Context, kind string, since, now time.Time, found func() incident) {
	n.mu.Lock()
	i := n.state.find(kind, subject{})
	known := i != nil && i.Open
	n.mu.Unlock()
	switch {
	case since.IsZero() && known:
		n.change(ctx, now, func(s *state) { s.close(kind, subject{}, now) })
	case !since.IsZero() && !known:
		n.change(ctx, now, func(s *state) { s.open(found()) })
	}
}

// judgeProjects evaluates each feed of a run, and returns the errors that belong
// to no feed. Only a run that finished has read the other feeds completely.
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

// feedOf splits an error of a report into the feed that it starts with and the
// rest.
func feedOf(report *pipeline.Report, err error) (feed load.Feed, why string, ok bool) {
	for _, p := range report.Projects {
		if why, ok := strings.CutPrefix(err.Error(), fmt.Sprintf("project %s (%s): ", p.ProjectID, p.Environment)); ok {
			return load.Feed{ProjectID: p.ProjectID, Environment: p.Environment}, why, true
		}
	}
	return load.Feed{}, "", false
}

// Marks are the watermarks of the configured feeds; 0: none yet.
type Marks = map[load.Feed]warehouse.Timestamp

// Ages processes the watermarks of all configured feeds. Call it every few minutes:
// it detects old data, and retries deliveries. Incidents of other feeds are
// dropped.
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

// waitingOr returns the watermark or, if there is none, since when the feed has
// been waiting for it.
func (s *state) waitingOr(feed load.Feed, mark warehouse.Timestamp, now time.Time) time.Time {
	if mark == 0 {
		return s.waitingSince(feed, now)
	}
	return mark.Time()
}

// whyOld returns the reason why a feed has old data, as far as it is known.
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

// change applies an event, saves the state and triggers deliveries.
func (n *Notifier) change(ctx context.Context, now time.Time, event func(*state)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	event(&n.state)
	n.state.forget(n.channels, now)
	n.save(ctx)
	select {
	case n.wake <- struct{}{}:
	default: // already triggered
	}
}
