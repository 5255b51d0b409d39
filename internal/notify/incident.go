package notify

import (
	"slices"
	"time"

	"convsync/internal/load"
)

// The kinds of incident.
const (
	kindDestination = "destination_away" // it cannot be read, or a run cannot use it
	kindRun         = "run_failed"       // as a whole, and not for the destination
	kindProject     = "project_failed"   // a feed of a run, or parts of it
	kindRejects     = "rejects"          // more new ones than a run may meet
	kindOld         = "data_old"
	kindIdle        = "no_run" // none happened for twice the time between two
	kindTest        = "test"
)

const (
	// quiet is how long after its end an incident that opens again is not told:
	// what comes and goes would else be told each time. One that stays open for
	// longer is told, since the last word was that all is well.
	quiet = 10 * time.Minute
	// keepEnded bounds how long an end waits for a channel that is broken.
	keepEnded = 7 * 24 * time.Hour
)

// incident is something that is wrong, or was.
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
	// Told are the channels whose last word was that this is wrong.
	Told []string `json:"told,omitempty"`
	// ByRun: a run met it, and a run alone shows that it is over.
	ByRun bool `json:"by_run,omitempty"`
}

// subject is what an incident is of: a feed, the runs of a schedule, or neither.
type subject struct {
	load.Feed
	schedule string
}

func of(feed load.Feed) subject { return subject{Feed: feed} }

func (i *incident) subject() subject {
	return subject{load.Feed{ProjectID: i.ProjectID, Environment: i.Environment}, i.Schedule}
}

// due tells whether a channel has not heard yet how this stands.
func (i *incident) due(channel string, now time.Time) bool {
	told := slices.Contains(i.Told, channel)
	if i.Open && !told {
		return i.Ended.IsZero() || i.isQuietOver(now)
	}
	return !i.Open && told
}

// isQuietOver reports whether the quiet time after the end has passed. An end in
// the future was noted by a clock that has been set back since.
func (i *incident) isQuietOver(now time.Time) bool {
	passed := now.Sub(i.Ended)
	return passed >= quiet || passed < 0
}

// heard records a channel's last word.
func (i *incident) heard(channel string, wrong bool) {
	i.Told = slices.DeleteFunc(i.Told, func(c string) bool { return c == channel })
	if wrong {
		i.Told = append(i.Told, channel)
	}
}

// state is what a restart must not forget.
type state struct {
	Incidents []*incident `json:"incidents"`
	// Waiting is since when feeds are seen of which nothing is covered.
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

// open notes that something is wrong. Of what is known to be wrong, only the
// words are taken over: a message that is still to come says how it is now.
func (s *state) open(found incident) {
	i := s.find(found.Kind, found.subject())
	if i == nil {
		i = &incident{Kind: found.Kind, Schedule: found.Schedule, ProjectID: found.ProjectID, Environment: found.Environment}
		s.Incidents = append(s.Incidents, i)
	}
	if !i.Open {
		i.Open, i.Since = true, found.Since.UTC()
	}
	i.What, i.Why, i.ByRun = found.What, tidy(found.Why), i.ByRun || found.ByRun
}

// close notes that something is no longer wrong.
func (s *state) close(kind string, of subject, now time.Time) {
	if i := s.find(kind, of); i != nil && i.Open {
		i.Open, i.ByRun, i.Ended = false, false, now.UTC()
	}
}

// forget drops what is over and needs no telling.
func (s *state) forget(channels []*channel, now time.Time) {
	s.Incidents = slices.DeleteFunc(s.Incidents, func(i *incident) bool {
		due := slices.ContainsFunc(channels, func(c *channel) bool { return i.due(c.name, now) })
		return !i.Open && i.isQuietOver(now) && (!due || now.Sub(i.Ended) >= keepEnded)
	})
}

// waitingSince is since when nothing is covered of a feed. What is noted in the
// future was noted by a clock that has been set back since: it counts from now.
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

// keepSchedules drops what is known of schedules that are gone.
func (s *state) keepSchedules(names []string) {
	s.Incidents = slices.DeleteFunc(s.Incidents, func(i *incident) bool {
		return i.Schedule != "" && !slices.Contains(names, i.Schedule)
	})
}

// keepFeeds drops what is known of feeds that are gone: nobody wants to hear of them.
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
