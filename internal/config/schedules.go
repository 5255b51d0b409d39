package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"convsync/internal/schedule"
)

func (r *resolver) schedules(cfg *Config) []Schedule {
	var known []string
	for _, p := range cfg.Projects {
		known = append(known, p.StoredID)
	}
	var schedules []Schedule
	for _, name := range slices.Sorted(maps.Keys(r.doc.Schedules)) {
		keys := r.doc.Schedules[name]
		path := join("schedules", name)
		s := Schedule{
			Name:     name,
			Cron:     r.cron(path+".cron", keys.Cron),
			TimeZone: r.timeZone(path+".time_zone", keys.TimeZone),
			Kind:     cmp.Or(r.choice(path+".kind", keys.Kind, KindIncremental, KindVerify, KindAudio), KindIncremental),
			Projects: keys.Projects,
			Lookback: r.lookback(path+".lookback", lookbackKeys{
				EachRun: cmp.Or(keys.Lookback.EachRun, r.doc.Sync.Lookback.EachRun),
				Hourly:  cmp.Or(keys.Lookback.Hourly, r.doc.Sync.Lookback.Hourly),
				Daily:   cmp.Or(keys.Lookback.Daily, r.doc.Sync.Lookback.Daily),
			}),
			Jitter: time.Duration(keys.Jitter),
		}
		for i, id := range s.Projects {
			if at := fmt.Sprintf("%s.projects[%d]", path, i); !slices.Contains(known, id) {
				r.add(at, "%s is not a project of source.projects; expected its stored id: as, or id", r.show(at, id))
			}
		}
		if s.Kind == KindAudio && !s.requestsAudio(cfg.Projects) {
			r.add(path+".kind", "is audio, but the recordings of no project of the schedule are checked or stored; expected sync.audio: check or store, or another kind")
		}
		schedules = append(schedules, s)
	}
	return schedules
}

// requestsAudio reports whether a project of the schedule has recordings to request.
func (s *Schedule) requestsAudio(projects []Project) bool {
	return slices.ContainsFunc(projects, func(p Project) bool {
		return p.Audio.IsRequested() && (len(s.Projects) == 0 || slices.Contains(s.Projects, p.StoredID))
	})
}

func (r *resolver) cron(path, expression string) string {
	if expression == "" {
		if !r.given(path) {
			r.add(path, "is missing; expected an expression such as \"0 2 * * *\"")
		}
		return ""
	}
	// This rejects exactly the expressions that the scheduler would reject.
	if _, err := schedule.Parse(expression, time.UTC); err != nil {
		r.add(path, "%s is not a schedule: %v", r.show(path, expression), err)
	}
	return expression
}
