package schedule_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"convsync/internal/schedule"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	location, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return location
}

func timetable(t testing.TB, expression string, location *time.Location) schedule.Timetable {
	t.Helper()
	parsed, err := schedule.Parse(expression, location)
	if err != nil {
		t.Fatalf("%q: %v", expression, err)
	}
	return parsed
}

// scheduledTimes returns the scheduled times after from, until to.
func scheduledTimes(t schedule.Timetable, from, to time.Time) []time.Time {
	var list []time.Time
	for next := t.Next(from); !next.IsZero() && !next.After(to); next = t.Next(next) {
		list = append(list, next.UTC())
	}
	return list
}

func TestTimetable_Year(t *testing.T) {
	t.Parallel()
	years := map[string][]int{
		"Europe/London":       {2026, 2028}, // whose last day Go's zones get wrong
		"Australia/Lord_Howe": {2026, 2028},
		"Pacific/Apia":        {2011}, // which had no 30 December there
	}
	for _, name := range zones {
		location := zone(t, name)
		for _, year := range append(years[name], 2027) {
			t.Run(fmt.Sprint(name, year), func(t *testing.T) {
				t.Parallel()
				from := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
				to := from.AddDate(1, 0, 2)
				seen := watch(location, from, to)
				for expression, meaning := range timetables {
					got := scheduledTimes(timetable(t, expression, location), from, to)
					if want := meaning.due(seen); !slices.EqualFunc(got, want, time.Time.Equal) {
						t.Errorf("%q: %s", expression, difference(got, want, location))
					}
				}
			})
		}
	}
}

func difference(got, want []time.Time, location *time.Location) string {
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			return "nothing comes at " + want[i].In(location).String()
		case i >= len(want):
			return "nothing should come at " + got[i].In(location).String()
		case !got[i].Equal(want[i]):
			return got[i].In(location).String() + " comes instead of " + want[i].In(location).String()
		}
	}
	return "no difference"
}

// Expected times that were written by hand, in addition to the oracle, on the
// days of clock changes.
func TestTheDaysOfTheChange(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what, zone, cron, day string
		want                  []string
	}{
		{"a skipped time runs after the gap", "Europe/London", "30 1 * * *", "2026-03-29", []string{"2026-03-29T02:00:00+01:00"}},
		{"skipped times run as one", "Europe/London", "*/10 1 * * *", "2026-03-29", []string{"2026-03-29T02:00:00+01:00"}},
		{"also with the first time after the gap", "Europe/London", "0 1,2 * * *", "2026-03-29", []string{"2026-03-29T02:00:00+01:00"}},
		{"a time that comes twice runs once", "Europe/London", "30 1 * * *", "2026-10-25", []string{"2026-10-25T01:30:00+01:00"}},
		{"New York in spring", "America/New_York", "30 2 * * *", "2026-03-08", []string{"2026-03-08T03:00:00-04:00"}},
		{"New York in autumn", "America/New_York", "0 1 * * *", "2026-11-01", []string{"2026-11-01T01:00:00-04:00"}},
		{"no midnight in Cairo", "Africa/Cairo", "0 0 * * *", "2026-04-24", []string{"2026-04-24T01:00:00+03:00"}},
		{"no midnight in Beirut", "Asia/Beirut", "@daily", "2026-03-29", []string{"2026-03-29T01:00:00+03:00"}},
		{"half an hour, in spring", "Australia/Lord_Howe", "15 2 * * *", "2026-10-04", []string{"2026-10-04T02:30:00+11:00"}},
		{"half an hour, in autumn", "Australia/Lord_Howe", "45 1 * * *", "2026-04-05", []string{"2026-04-05T01:45:00+11:00"}},
		{"every two hours, through the hour that comes twice", "Europe/Berlin", "0 */2 * * *", "2026-10-25", []string{
			"2026-10-25T00:00:00+02:00", "2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00", "2026-10-25T04:00:00+01:00",
			"2026-10-25T06:00:00+01:00", "2026-10-25T08:00:00+01:00", "2026-10-25T10:00:00+01:00", "2026-10-25T12:00:00+01:00"}},
		{"every twelve hours, and no midnight", "Africa/Cairo", "0 */12 * * *", "2026-04-24", []string{
			"2026-04-24T01:00:00+03:00", "2026-04-24T12:00:00+03:00"}},
		{"chosen hours, every half of them, through the hour that comes twice", "America/New_York", "*/30 0-1 * * *", "2026-11-01", []string{
			"2026-11-01T00:00:00-04:00", "2026-11-01T00:30:00-04:00", "2026-11-01T01:00:00-04:00", "2026-11-01T01:30:00-04:00"}},
		{"a zone without changes", "Asia/Kolkata", "30 2 * * *", "2026-03-29", []string{"2026-03-29T02:30:00+05:30"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			location := zone(t, c.zone)
			day, err := time.ParseInLocation(time.DateOnly+" 15", c.day+" 12", location)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, slot := range scheduledTimes(timetable(t, c.cron, location), day.Add(-14*time.Hour), day) {
				if local := slot.In(location); local.Day() == day.Day() {
					got = append(got, local.Format(time.RFC3339))
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%s in %s on %s comes at %v, not %v", c.cron, c.zone, c.day, got, c.want)
			}
		})
	}
}

// Who wants fresh data every five minutes wants it in the hour that comes twice,
// too: no pause is longer than the expression says.
func TestWhatRunsThroughoutNeverPauses(t *testing.T) {
	t.Parallel()
	for expression, longest := range map[string]time.Duration{
		"*/5 * * * *": 5 * time.Minute, "*/15 0-23 * * *": 15 * time.Minute, "17 * * * *": time.Hour, "@hourly": time.Hour,
	} {
		for _, name := range zones {
			if name == "Pacific/Apia" {
				continue
			}
			for _, from := range unusualDays(zone(t, name)) {
				last := from
				for _, slot := range scheduledTimes(timetable(t, expression, zone(t, name)), from, from.AddDate(0, 0, 3)) {
					// Where the zone moves by half an hour, minutes mean other moments.
					if pause := slot.Sub(last); pause > longest && (name != "Australia/Lord_Howe" || pause > longest+30*time.Minute) {
						t.Errorf("%q in %s pauses for %v before %v", expression, name, pause, slot)
					}
					last = slot
				}
			}
		}
	}
}

// unusualDays returns the beginning of the year 2026, and the day before each change of
// the clock in it.
func unusualDays(location *time.Location) []time.Time {
	days := []time.Time{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	_, change := days[0].In(location).ZoneBounds()
	for !change.IsZero() && change.Year() == 2026 {
		days = append(days, change.AddDate(0, 0, -1))
		_, change = change.ZoneBounds()
	}
	return days
}

func TestEveryCountsInAbsoluteTime(t *testing.T) {
	t.Parallel()
	location := zone(t, "Europe/London")
	every := timetable(t, "@every 90m", location)
	// From the last minutes of winter time, through the change.
	from := time.Date(2026, 3, 29, 0, 10, 30, 0, time.UTC)
	for i, next := 1, every.Next(from); i < 20; i, next = i+1, every.Next(next) {
		want := time.Date(2026, 3, 29, 0, 90*i, 0, 0, time.UTC)
		if !next.Equal(want) {
			t.Fatalf("scheduled time %d is %v, not %v", i, next, want)
		}
	}
}

func TestTimetable_WithinMinute(t *testing.T) {
	t.Parallel()
	table := timetable(t, "* * * * *", time.UTC)
	at := time.Date(2026, 5, 6, 7, 8, 0, 0, time.UTC)
	for after, want := range map[time.Time]time.Time{
		at.Add(-1):             at,
		at:                     at.Add(time.Minute),
		at.Add(1):              at.Add(time.Minute),
		at.Add(59_999_999_999): at.Add(time.Minute),
	} {
		if got := table.Next(after); !got.Equal(want) {
			t.Errorf("after %v comes %v, not %v", after, got, want)
		}
	}
}
