package schedule_test

import (
	"strings"
	"testing"
	"time"

	"convsync/internal/schedule"
)

func TestAnExpressionThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	for expression, reason := range map[string]string{
		"":                           "expected minute",
		"0 2 * *":                    "expected minute",
		"0 0 2 * * *":                "expected minute",
		"60 2 * * *":                 "out of range",
		"0 24 * * *":                 "out of range",
		"0 2 0 * *":                  "out of range",
		"0 2 * 13 *":                 "out of range",
		"0 2 * * 8":                  "out of range",
		"0 2 * * 6-8":                "out of range",
		"0 2 * * 1-7/0":              "out of range",
		"0 2 * * 7-1":                "out of range",
		"*/0 * * * *":                "out of range",
		"0 2 * * noday":              "misspelt",
		"@dayly":                     "misspelt",
		"@every":                     "@every 90m",
		"@every day":                 "@every 90m",
		"@every -5m":                 "at least one",
		"@every 0s":                  "at least one",
		"@every 100ms":               "at least one",
		"@every 1.5s":                "whole seconds",
		"0 0 30 2 *":                 "never matches",
		"TZ=0":                       "cannot set a time zone",
		"CRON_TZ=UTC":                "cannot set a time zone",
		"TZ=Europe/London 0 2 * * *": "cannot set a time zone",
	} {
		_, err := schedule.Parse(expression, time.UTC)
		if err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%q says %v, not %q", expression, err, reason)
		}
	}
}

func FuzzParse(f *testing.F) {
	for expression := range timetables {
		f.Add(expression)
	}
	for _, expression := range []string{"TZ=0", "CRON_TZ= ", "@every 1h", "@", "0 2 * * 1-7/9223372036854775807", "*/9223372036854775807 * * * *", "? ? ? ? ?", "0-0/18446744073709551615 * * * 7/7"} {
		f.Add(expression)
	}
	location := zone(f, "Australia/Lord_Howe")
	from := time.Date(2028, 12, 31, 13, 59, 1, 1, time.UTC)
	f.Fuzz(func(t *testing.T, expression string) {
		table, err := schedule.Parse(expression, location)
		if err != nil {
			return
		}
		last := from
		for range 3 {
			next := table.Next(last)
			if next.IsZero() {
				t.Fatalf("%q is accepted, and never matches", expression)
			}
			if !next.After(last) {
				t.Fatalf("%q: after %v comes %v", expression, last, next)
			}
			last = next
		}
	})
}
