package main

import (
	"context"
	"net/url"
	"path/filepath"
	"time"

	"convsync/internal/config"
	"convsync/internal/notify"
	"convsync/internal/panics"
	"convsync/internal/plural"
	"convsync/internal/report"
	"convsync/internal/schedule"
)

// writeReport writes the report of a schedule, and sends its headline figures. It is no
// run: it reads what is stored, takes no lock, and waits for no run.
func (s *service) writeReport(ctx context.Context, planned *config.Schedule) error {
	began := time.Now()
	r, path, err := s.guardedReport(ctx, planned, began)
	if err != nil && ctx.Err() != nil {
		s.log.Warn("a report was interrupted before it was written", "schedule", planned.Name)
		return schedule.Logged(err)
	}
	notifier := s.latest().notifier
	if err != nil {
		s.log.Error("a report was not written", "schedule", planned.Name, "error", oneLine(err.Error()))
		if notifier != nil {
			notifier.NotWritten(ctx, planned.Name, err)
		}
		return schedule.Logged(err)
	}
	s.log.Info("wrote a report", "schedule", planned.Name, "file", path, "from", r.Period.From.Format(time.DateOnly),
		"to", r.Period.To.Format(time.DateOnly), "seconds", time.Since(began).Seconds())
	if notifier != nil {
		notifier.Wrote(ctx, s.reportMessage(planned, r, path))
	}
	return nil
}

// guardedReport computes and writes the report. path is the page.
func (s *service) guardedReport(ctx context.Context, planned *config.Schedule, now time.Time) (r *report.Report, path string, err error) {
	defer panics.Recover(&err)
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	o, err := reportPlan(planned, now)
	if err != nil {
		return nil, "", err
	}
	if err := ensureReportFolder(planned); err != nil {
		return nil, "", err
	}
	folder, err := filepath.Abs(planned.Folder) // for those who get the message
	if err != nil {
		return nil, "", err
	}
	if r, err = s.reports.Collect(ctx, o); err != nil {
		return nil, "", err
	}
	if path, err = writeReportFiles(folder, s.reportName(planned, r.Period), r); err != nil {
		return nil, "", err
	}
	if err := keepNewestReports(folder); err != nil {
		s.log.Warn("old reports could not be removed", "schedule", planned.Name, "error", err.Error())
	}
	return r, path, nil
}

// reportPlan returns what the report of a schedule is about at a time.
func reportPlan(planned *config.Schedule, now time.Time) (report.Options, error) {
	o := report.Options{
		Compare:     true,
		Environment: "live",
		Projects:    planned.Projects,
		Now:         now,
		Version:     version(),
	}
	location, err := time.LoadLocation(planned.TimeZone)
	if err != nil {
		return o, err
	}
	switch local := now.In(location); planned.Period {
	case config.PeriodDay:
		o.Period = report.LastDay(local)
	case config.PeriodWeek:
		o.Period = report.LastWeek(local)
	case config.PeriodMonth:
		o.Period = report.LastMonth(local)
	default:
		o.Days = 7
	}
	return o, nil
}

// reportMessage returns what is sent about a report: sums, and where the page is.
func (s *service) reportMessage(planned *config.Schedule, r *report.Report, path string) *notify.Report {
	m := &notify.Report{
		Schedule: planned.Name,
		Title:    "Report for " + r.Period.Words() + " (" + s.reportedProjects(planned) + ")",
		Notes:    r.Notes,
		File:     path,
		Data:     path[:len(path)-len(filepath.Ext(path))] + ".json",
		URL:      s.reportURL(planned, r.Period),
	}
	if r.Before != nil {
		m.Previous = r.Previous.Words()
	}
	for _, c := range r.Headline() {
		m.Figures = append(m.Figures, notify.Figure{
			Name:     c.Name,
			Value:    c.Value,
			Previous: c.Before,
			Change:   c.Change,
		})
	}
	return m
}

// reportedProjects names the projects of a report for people.
func (s *service) reportedProjects(planned *config.Schedule) string {
	ids := planned.Projects
	switch {
	case len(ids) == 0 && len(s.cfg.Projects) == 1:
		return s.cfg.Projects[0].StoredID
	case len(ids) == 0:
		return "all projects"
	case len(ids) > 2:
		return ids[0] + " and " + plural.Count(int64(len(ids)-1), "other project")
	case len(ids) == 2:
		return ids[0] + " and " + ids[1]
	}
	return ids[0]
}

// reportURL is the address of the same page of this service; "": it is not known.
func (s *service) reportURL(planned *config.Schedule, p report.Period) string {
	if s.cfg.Serve.PublicURL == "" {
		return ""
	}
	q := url.Values{
		"from":    {p.From.Format(time.DateOnly)},
		"to":      {p.To.Format(time.DateOnly)},
		"compare": {"1"},
	}
	if len(planned.Projects) > 0 {
		q["project"] = planned.Projects
	}
	return s.cfg.Serve.PublicURL + "/report?" + q.Encode()
}

// checkReportFolders checks the folders of scheduled reports.
func checkReportFolders(c *checklist, cfg *config.Config) {
	for i := range cfg.Schedules {
		planned := &cfg.Schedules[i]
		if planned.Kind != config.KindReport {
			continue
		}
		exists, err := tryReportFolder(planned)
		switch {
		case err != nil:
			c.misconfigure("reports", err)
		case exists:
			c.ok("reports", "%s: the folder %s can be written", planned.Name, planned.Folder)
		default:
			c.ok("reports", "%s: the first report creates the folder %s", planned.Name, planned.Folder)
		}
	}
}
