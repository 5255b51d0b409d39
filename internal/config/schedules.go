package config

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
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
			Kind:     cmp.Or(r.choice(path+".kind", keys.Kind, KindIncremental, KindVerify, KindAudio, KindReport), KindIncremental),
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
		r.scheduledReport(path, &s, keys, schedules, cfg)
		schedules = append(schedules, s)
	}
	return schedules
}

// scheduledReport resolves the keys of a schedule that writes reports. others are schedules
// that are resolved already.
func (r *resolver) scheduledReport(path string, s *Schedule, keys scheduleKeys, others []Schedule, cfg *Config) {
	if s.Kind != KindReport {
		for _, key := range []string{"folder", "period"} {
			if r.given(path + "." + key) {
				r.add(path+"."+key, "belongs to schedules of kind report, and this one is of kind %s; expected kind: report, or the key left out", s.Kind)
			}
		}
		return
	}
	s.Period = cmp.Or(r.choice(path+".period", keys.Period, PeriodDays, PeriodDay, PeriodWeek, PeriodMonth), PeriodDays)
	s.Folder = inFolderOf(r.file, filepath.FromSlash(keys.Folder))
	lake := cfg.Destination.Parquet
	switch {
	case keys.Folder == "" && !r.given(path+".folder"):
		r.add(path+".folder", "is missing; expected the folder that the reports are written to, such as ./reports")
	case strings.Contains(keys.Folder, "://"):
		r.add(path+".folder", "is not a folder in a file system; expected one such as ./reports")
	case lake != nil && lake.Path != "" && isInside(s.Folder, lake.Path):
		r.add(path+".folder", "is inside destination.parquet.path, which is for the files of the lake only; expected a folder of its own, such as ./reports")
	case cfg.Recordings.Store != "" && isInside(s.Folder, cfg.Recordings.Store):
		r.add(path+".folder", "is inside audio.store, which is for copies of recordings only; expected a folder of its own, such as ./reports")
	}
	for i := range others {
		if o := &others[i]; o.Kind == KindReport && filepath.Clean(o.Folder) == filepath.Clean(s.Folder) && s.Folder != "" {
			r.add(path+".folder", "is also the folder of schedules.%s; expected a folder of its own, because only the newest reports of a folder are kept", o.Name)
		}
	}
	if !s.hasLive(cfg.Projects) {
		r.add(path+".kind", "is report, which is about the environment live, but no project of the schedule reads it; expected environments: [live] in one of them, or another kind")
	}
}

// hasLive reports whether a project of the schedule has the environment of reports.
func (s *Schedule) hasLive(projects []Project) bool {
	return slices.ContainsFunc(projects, func(p Project) bool {
		return slices.Contains(p.Environments, "live") && (len(s.Projects) == 0 || slices.Contains(s.Projects, p.StoredID))
	})
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
