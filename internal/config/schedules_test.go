package config_test

import (
	"testing"

	"convsync/internal/config"
)

func TestSchedules_Report(t *testing.T) {
	t.Parallel()
	schedule := func(keys string) string {
		return head + lake + "schedules: {weekly: {cron: 0 7 * * 1, kind: report" + keys + "}}\n"
	}
	got, err := load(t, schedule(", folder: reports/weekly")+"serve: {public_url: \"https://sync.example.com/convsync/\"}\n", nil)
	if err != nil {
		t.Fatal(err)
	}
	if s := got.Schedules[0]; s.Period != config.PeriodDays || s.Loads() || got.Serve.PublicURL != "https://sync.example.com/convsync" {
		t.Errorf("%+v, %s", s, got.Serve.PublicURL)
	}
	for name, c := range map[string]struct{ text, want string }{
		"NoFolder":    {schedule(""), "schedules.weekly.folder: is missing; expected the folder that the reports are written to, such as ./reports"},
		"ObjectStore": {schedule(", folder: \"s3://bucket\""), "schedules.weekly.folder: is not a folder in a file system"},
		"InTheLake":   {schedule(", folder: lake/reports"), "schedules.weekly.folder: is inside destination.parquet.path"},
		"InTheStore":  {"audio: {store: ./audio}\n" + schedule(", folder: ./audio/a"), "schedules.weekly.folder: is inside audio.store"},
		"Period":      {schedule(", folder: a, period: week"), `schedules.weekly.period: "week" is not known; expected last-7-days, last-day, last-week or last-month`},
		"OtherKind":   {head + lake + "schedules: {weekly: {cron: 0 7 * * 1, folder: a}}\n", "schedules.weekly.folder: belongs to schedules of kind report, and this one is of kind incremental; expected kind: report, or the key left out"},
		"SameFolder":  {head + lake + "schedules: {a: {cron: \"@daily\", kind: report, folder: x}, b: {cron: \"@daily\", kind: report, folder: ./x/}}\n", "schedules.b.folder: is also the folder of schedules.a; expected a folder of its own"},
		"NotLive":     {head + "      environments: [sandbox]\n" + lake + "schedules: {weekly: {cron: 0 7 * * 1, kind: report, folder: a}}\n", "schedules.weekly.kind: is report, which is about the environment live, but no project of the schedule reads it"},
		"PublicURL":   {head + lake + "serve: {public_url: sync.example.com}\n", `serve.public_url: "sync.example.com" is not the address of a page; expected one such as https://convsync.example.com`},
		"Parameters":  {head + lake + "serve: {public_url: \"https://sync.example.com/?a=b\"}\n", "serve.public_url"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, c.text, nil)
			wantMessage(t, err, c.want)
		})
	}
}
