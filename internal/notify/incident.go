package notify

import (
	"slices"
	"time"

	"convsync/internal/load"
)

// The kinds of incident.
const (
	kindDestination = "destination_away" // it cannot be read, or not used by a run
	kindRun         = "run_failed"       // as a whole, but not because of the destination
	kindProject     = "project_failed"   // a feed of a run, or parts of it
	kindRejects     = "rejects"          // more new ones than sync.max_rejects
	kindOld         = "data_old"
	kindIdle        = "no_run"            // none has started for twice the scheduled interval
	kindStore       = "store_unavailable" // copies of recordings cannot be stored
	kindReport      = "report_failed"     // of a schedule: it could not be written
	kindTest        = "test"
)

const (
	// quiet is the time after the end of an incident during which it can open again
	// without a notification, so that a flapping incident is not reported each time.
	// If it is still open after that, it is reported.
	quiet = 10 * time.Minute
	// keepEnded is the maximum time for which an end waits for a broken channel.
	keepEnded = 7 * 24 * time.Hour
)

// incident is a current or past problem.
type incident struct {
	Kind        string    `json:"kind"`
	Schedule    string    `json:"schedule,omitempty"`
	ProjectID   string    `json:"project_id,omitempty"`
	Environment string    `json:"environment,omitempty"`
	What        string    `json:"what"`
	Why         string    `json:"why"`
	Since       time.Time `json:"since"`
	Open        bool      `json:"open"`
	Ended       time.Time `json:"ended,omitzero"` // when it was last closed
	// Notified are the channels whose last notice was that this is open.
	Notified []string `json:"told,omitempty"`
	// Projects are those of the runs of the schedule that failed, and did not succeed
	// since. Several runs of a schedule may have different projects.
	Projects []string `json:"projects,omitempty"`
	// ByRun: a run detected it, and only a run can close it.
	ByRun bool `json:"by_run,omitempty"`
}

// subject identifies what an incident concerns: a feed, the runs of a schedule, or
// neither.
type subject struct {
	load.Feed
	schedule string
}

func of(feed load.Feed) subject { return subject{Feed: feed} }

func (i *incident) subject() subject {
	return subject{load.Feed{ProjectID: i.ProjectID, Environment: i.Environment}, i.Schedule}
}

// due reports whether the state has to be delivered by a channel.
func (i *incident) due(channel string, now time.Time) bool {
	notified := slices.Contains(i.Notified, channel)
	if i.Open && !notified {
		return i.Ended.IsZero() || i.isQuietOver(now)
	}
	return !i.Open && notified
}

// isQuietOver reports whether the quiet time after the end has passed. An end in
// the future was recorded before the clock was set back.
func (i *incident) isQuietOver(now time.Time) bool {
	passed := now.Sub(i.Ended)
	return passed >= quiet || passed < 0
}

// heard records the last notice of a channel.
func (i *incident) heard(channel string, wrong bool) {
	i.Notified = slices.DeleteFunc(i.Notified, func(c string) bool { return c == channel })
	if wrong {
		i.Notified = append(i.Notified, channel)
	}
}

// state is the part of the notifier that survives a restart.
type state struct {
	Incidents []*incident `json:"incidents"`
	// Reports were written, and are not delivered yet.
	Reports []*pendingReport `json:"reports,omitempty"`
	// Waiting are the feeds without a watermark.
	Waiting []waiting `json:"waiting,omitempty"`
}

type waiting struct {
	ProjectID   string    `json:"project_id"`
	Environment string    `json:"environment"`
	Since       time.Time `json:"since"`
}

func (s *state) find(kind string, of subject) *incident {
	for _, i := range s.Incidents {
		if i.Kind == kind && i.subject() == of {
			return i
		}
	}
	return nil
}

// open records a problem. If it is open already, only its texts are updated, so
// that a pending message has the current ones.
func (s *state) open(found incident) {
	i := s.find(found.Kind, found.subject())
	if i == nil {
		i = &incident{Kind: found.Kind, Schedule: found.Schedule, ProjectID: found.ProjectID, Environment: found.Environment}
		s.Incidents = append(s.Incidents, i)
	}
	if !i.Open {
		i.Open, i.Since, i.Projects = true, found.Since.UTC(), nil
	}
	i.Projects = union(i.Projects, found.Projects)
	i.What, i.Why, i.ByRun = found.What, tidy(found.Why), i.ByRun || found.ByRun
}

// close records the end of a problem.
func (s *state) close(kind string, of subject, now time.Time) {
	if i := s.find(kind, of); i != nil && i.Open {
		i.Open, i.ByRun, i.Ended = false, false, now.UTC()
	}
}

// closeRun records that a run of a schedule has not found a problem. The problem ends
// when this holds for all projects that had it.
func (s *state) closeRun(kind string, run Scheduled, now time.Time) {
	i := s.find(kind, subject{schedule: run.Schedule})
	if i == nil || !i.Open {
		return
	}
	i.Projects = slices.DeleteFunc(i.Projects, func(id string) bool {
		return slices.Contains(run.Projects, id) || !slices.Contains(run.All, id)
	})
	if len(i.Projects) == 0 {
		s.close(kind, i.subject(), now)
	}
}

// hasFailed reports whether the last run of some project of a schedule failed, or
// did not read it completely.
func (s *state) hasFailed(run Scheduled) bool {
	return slices.ContainsFunc(s.Incidents, func(i *incident) bool {
		switch {
		case !i.Open:
			return false
		case i.Kind == kindRun || i.Kind == kindRejects:
			return i.Schedule == run.Schedule
		}
		return i.Kind == kindProject && slices.Contains(run.All, i.ProjectID)
	})
}

// union returns ids with those of more that are not among them.
func union(ids, more []string) []string {
	for _, id := range more {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// forget drops incidents that are closed and delivered.
func (s *state) forget(channels []*channel, now time.Time) {
	s.Incidents = slices.DeleteFunc(s.Incidents, func(i *incident) bool {
		due := slices.ContainsFunc(channels, func(c *channel) bool { return i.due(c.name, now) })
		return !i.Open && i.isQuietOver(now) && (!due || now.Sub(i.Ended) >= keepEnded)
	})
	s.forgetReports(channels, now)
}

// waitingSince returns since when a feed has been without a watermark. A time in
// the future was recorded before the clock was set back, and is replaced by now.
func (s *state) waitingSince(feed load.Feed, now time.Time) time.Time {
	for i := range s.Waiting {
		w := &s.Waiting[i]
		if w.ProjectID == feed.ProjectID && w.Environment == feed.Environment {
			if w.Since.After(now) {
				w.Since = now.UTC()
			}
			return w.Since
		}
	}
	s.Waiting = append(s.Waiting, waiting{feed.ProjectID, feed.Environment, now.UTC()})
	return now.UTC()
}

// keepSchedules drops incidents and reports of schedules that no longer exist.
func (s *state) keepSchedules(names []string) {
	s.Incidents = slices.DeleteFunc(s.Incidents, func(i *incident) bool {
		return i.Schedule != "" && !slices.Contains(names, i.Schedule)
	})
	s.Reports = slices.DeleteFunc(s.Reports, func(p *pendingReport) bool { return !slices.Contains(names, p.Report.Schedule) })
}

// keepFeeds drops the state of feeds that are no longer configured.
func (s *state) keepFeeds(marks Marks) {
	s.Incidents = slices.DeleteFunc(s.Incidents, func(i *incident) bool {
		_, known := marks[i.subject().Feed]
		return i.ProjectID != "" && !known
	})
	s.Waiting = slices.DeleteFunc(s.Waiting, func(w waiting) bool {
		mark, known := marks[load.Feed{ProjectID: w.ProjectID, Environment: w.Environment}]
		return !known || mark != 0
	})
}
