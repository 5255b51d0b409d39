//go:build cgo

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"convsync/internal/answer"
	"convsync/internal/config"
	"convsync/internal/notify"
	"convsync/internal/report"
	"convsync/internal/schedule"
	"convsync/internal/simulate"
	"convsync/internal/warehouse"
)

// reporting is a service that writes reports, and what it sent.
type reporting struct {
	*service
	log  bytes.Buffer
	sent []string
}

func newReporting(t *testing.T, cfg *config.Config, open report.Open) *reporting {
	t.Helper()
	r := &reporting{service: &service{cfg: cfg, lifetime: newLifetime()}}
	r.service.log = slog.New(slog.NewTextHandler(&r.log, nil))
	r.reports = report.NewHandler(report.HandlerOptions{Open: open})
	var err error
	if r.notifier, err = notify.New(notify.Options{
		WebhookURL: func(context.Context) (string, error) { return "https://hooks.example.com/made-up", nil },
		Schedules:  []string{"weekly"},
		Transport:  r,
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.close(t) })
	return r
}

// close waits for what is sent.
func (r *reporting) close(t *testing.T) {
	t.Helper()
	r.notifier.Close(context.WithoutCancel(t.Context()))
	r.reports.Close()
}

// RoundTrip implements [http.RoundTripper].
func (r *reporting) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	r.sent = append(r.sent, string(body))
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: req}, err
}

// timeOfReport is the time in the last line of a page.
var timeOfReport = regexp.MustCompile(`, \d+ \w+ \d{4}, \d\d:\d\d UTC\.`)

// TestReportSchedule writes a report while a run holds the lake, and compares it with that
// of the command.
func TestReportSchedule(t *testing.T) {
	t.Parallel()
	_, server := past(t, 120, 3, simulate.Deviations{})
	lake := inFolder(t, "lake")
	file := configure(t, server.URL, into(lake))
	writeFile(t, file, readFile(t, file)+"schedules: { weekly: { cron: \"0 7 * * 1\", kind: report, folder: reports } }\nserve: { public_url: \"https://sync.example.com\" }\n")
	run(t, file, exitOK)
	beganIn(t, lake)
	convsync(t, nil, "check", "--config", file).want(t, exitOK, "ok    reports", "weekly: the first report creates the folder "+filepath.Join(filepath.Dir(file), "reports"))

	cfg, err := (&app{configFile: file, lookupEnv: os.LookupEnv}).loadConfig()
	if err != nil {
		t.Fatal(err)
	}
	s, folder := newReporting(t, cfg, openForReport(cfg)), cfg.Schedules[0].Folder
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(folder, "mine.html"), "")
	for i := range keptReports + 1 {
		name := "report_acme-team-4_" + standing.AddDate(-1, 0, i).Format(time.DateOnly) + "_to_" + standing.AddDate(-1, 0, i+6).Format(time.DateOnly)
		writeFile(t, filepath.Join(folder, name+".html"), "")
		writeFile(t, filepath.Join(folder, name+".json"), "")
	}
	if err := s.run(t.Context(), &cfg.Schedules[0]); err != nil {
		t.Fatal(err)
	}
	s.close(t)
	const name = "report_acme-team-4_2026-06-08_to_2026-06-14"
	want := inFolder(t, "want.html")
	convsync(t, nil, "report", "--config", file, "--days", "7", "--compare", "-o", want).want(t, exitOK)
	got := readFile(t, filepath.Join(folder, name+".html"))
	if timeOfReport.ReplaceAllString(got, "") != timeOfReport.ReplaceAllString(readFile(t, want), "") || len(got) < 1000 {
		t.Error("the written page is not that of the command")
	}
	var data struct{ Period struct{ From, To string } }
	if err := json.Unmarshal([]byte(readFile(t, filepath.Join(folder, name+".json"))), &data); err != nil || data.Period.From != "2026-06-08" || data.Period.To != "2026-06-15" {
		t.Errorf("the JSON is about %+v, %v", data.Period, err)
	}
	files, err := os.ReadDir(folder)
	if err != nil || len(files) != 2*keptReports+1 || files[0].Name() != "mine.html" {
		t.Errorf("%d files, %v", len(files), err)
	}
	if len(s.sent) != 1 {
		t.Fatalf("sent %q", s.sent)
	}
	for _, want := range []string{
		"Report for 8 Jun 2026 to 14 Jun 2026 (acme-team-4): Conversations ", "In brackets: 1 Jun 2026 to 7 Jun 2026", `\nContainment `, `\nFile: ` + filepath.Join(folder, name+".html"),
		`\nPage: https://sync.example.com/report?compare=1\u0026amp;from=2026-06-08\u0026amp;to=2026-06-15`,
	} {
		if !strings.Contains(s.sent[0], want) {
			t.Errorf("the message lacks %q: %s", want, s.sent[0])
		}
	}
}

// TestReportSchedule_Failing: the database is away at the first time, and something panics
// at the second one.
func TestReportSchedule_Failing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		folder, opened := t.TempDir(), 0
		cfg := &config.Config{Schedules: []config.Schedule{{
			Name:     "weekly",
			Kind:     config.KindReport,
			Cron:     "0 7 * * 1",
			TimeZone: "Europe/London",
			Folder:   folder,
		}}}
		s := newReporting(t, cfg, func(context.Context, warehouse.Range) (answer.Source, error) {
			if opened++; opened > 1 {
				panic("made up")
			}
			return nil, errors.New("the database is away")
		})
		var err error
		if s.store, err = schedule.OpenFileStore(filepath.Join(t.TempDir(), "schedules.json")); err != nil {
			t.Fatal(err)
		}
		if s.scheduler, err = s.newScheduler(); err != nil {
			t.Fatal(err)
		}
		if err := s.scheduler.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		<-time.After(14 * 24 * time.Hour)
		synctest.Wait()
		if err := s.scheduler.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		s.close(t)
		if n := strings.Count(s.log.String(), "a report was not written"); n != 2 || opened != 2 || !strings.Contains(s.log.String(), "panic with a string") {
			t.Errorf("it failed %d times, opened %d times: %s", n, opened, &s.log)
		}
		if len(s.sent) != 1 || !strings.Contains(s.sent[0], "The report of the schedule weekly was not written: the database is away.") {
			t.Errorf("sent %q", s.sent)
		}
		if files, err := os.ReadDir(folder); err != nil || len(files) > 0 {
			t.Errorf("left %v, %v", files, err)
		}
	})
}

func TestReportPlan(t *testing.T) {
	t.Parallel()
	const local = "2006-01-02 15:04"
	for _, c := range []struct{ period, zone, now, from, to string }{
		{config.PeriodWeek, "Europe/London", "2026-11-30 07:00", "2026-11-23", "2026-11-30"}, // a Monday
		{config.PeriodWeek, "Europe/London", "2026-12-06 23:59", "2026-11-23", "2026-11-30"},
		{config.PeriodWeek, "Pacific/Auckland", "2026-11-29 12:00", "2026-11-23", "2026-11-30"}, // it is Monday there
		{config.PeriodDay, "America/New_York", "2026-03-01 03:00", "2026-02-27", "2026-02-28"},
		{config.PeriodDay, "America/New_York", "2026-03-01 06:00", "2026-02-28", "2026-03-01"},
		{config.PeriodMonth, "UTC", "2026-03-31 06:00", "2026-02-01", "2026-03-01"},
		{config.PeriodMonth, "UTC", "2026-01-01 00:00", "2025-12-01", "2026-01-01"},
	} {
		now, err := time.Parse(local, c.now)
		if err != nil {
			t.Fatal(err)
		}
		o, err := reportPlan(&config.Schedule{Period: c.period, TimeZone: c.zone}, now)
		if got := o.Period.From.Format(time.DateOnly) + " " + o.Period.To.Format(time.DateOnly); got != c.from+" "+c.to || err != nil || !o.Compare {
			t.Errorf("%s in %s at %s: %s, %v", c.period, c.zone, c.now, got, err)
		}
	}
}

func TestReportFolder(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	writeFile(t, filepath.Join(base, "file"), "")
	for folder, want := range map[string]string{
		"reports":    "",
		"no/reports": "cannot write " + filepath.Join(base, "no", "reports") + " (schedules.weekly.folder): no such file or directory; create the folder around it, or mount its disk",
		"file":       "(schedules.weekly.folder): not a directory",
	} {
		err := ensureReportFolder(&config.Schedule{Name: "weekly", Folder: filepath.Join(base, folder)})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %s", folder, err, want)
		}
	}
	if entries, err := os.ReadDir(filepath.Join(base, "reports")); err != nil || len(entries) > 0 {
		t.Errorf("the folder has %v, %v", entries, err)
	}
}

func TestReportName(t *testing.T) {
	t.Parallel()
	s := &service{cfg: &config.Config{Projects: []config.Project{{StoredID: "a"}, {StoredID: "b"}}}}
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	p := report.Period{From: day, To: day.AddDate(0, 1, 0)}
	var got []string
	for _, ids := range [][]string{nil, {"../ö b"}, {"a", "b"}, {"a", "b", "c"}, {strings.Repeat("long", 100)}} {
		got = append(got, strings.TrimSuffix(s.reportName(&config.Schedule{Projects: ids}, p), "_2026-03-01_to_2026-03-31"))
	}
	want := []string{"report_all-projects", "report_..---b", "report_a-and-b", "report_a-and-2-other-projects", "report_" + strings.Repeat("long", 25)}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
