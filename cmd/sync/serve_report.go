package main

import (
	"log/slog"
	"slices"

	"convsync/internal/config"
	"convsync/internal/report"
)

// newReports returns the handler of /report. Its paths are relative, so that they also
// hold behind a reverse proxy.
func newReports(cfg *config.Config, log *slog.Logger) *report.Handler {
	known := storedIDs(cfg.Projects)
	return report.NewHandler(report.HandlerOptions{
		Open:    openForReport(cfg),
		Version: version(),
		Nav:     report.Navigation{Home: "./", Path: "report"},
		Knows:   func(project string) bool { return slices.Contains(known, project) },
		Log:     log,
	})
}
