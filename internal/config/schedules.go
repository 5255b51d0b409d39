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
			Kind:     cmp.Or(r.choice(path+".kind", keys.Kind, KindIncremental, KindVerify), KindIncremental),
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
		schedules = append(schedules, s)
	}
	return schedules
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
