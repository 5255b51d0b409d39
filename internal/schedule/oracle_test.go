package schedule_test

import (
	"slices"
	"strings"
	"time"
)

// The oracle knows nothing of cron libraries or of zones' rules: it goes
// through the minutes of absolute time and looks at the clock on the wall. A
// local time that occurs twice is due the first time only, unless the
// expression runs throughout the day; where the clock jumps forward, all
// skipped times are due at once.

// fields are the values that an expression allows, spelt out by hand; nil
// allows all.
type fields struct {
	minutes, hours, days, months, weekdays []int
	throughout                             bool // also when the wall shows a time again
}

func (f fields) allow(wall time.Time) bool {
	day := in(f.days, wall.Day()) && in(f.weekdays, int(wall.Weekday()))
	if f.days != nil && f.weekdays != nil {
		day = in(f.days, wall.Day()) || in(f.weekdays, int(wall.Weekday()))
	}
	return day && in(f.minutes, wall.Minute()) && in(f.hours, wall.Hour()) && in(f.months, int(wall.Month()))
}

func in(list []int, n int) bool { return list == nil || slices.Contains(list, n) }

// A minute is a moment and the time that the wall shows then, or would show had
// the clock not jumped over it, as if it were in UTC; and whether it has shown
// that time before.
type minute struct {
	moment, wall time.Time
	again        bool
}

// wallOf returns the time that a wall clock shows.
func wallOf(moment time.Time, location *time.Location) time.Time {
	year, month, day := moment.In(location).Date()
	hour, min, _ := moment.In(location).Clock()
	return time.Date(year, month, day, hour, min, 0, 0, time.UTC)
}

// watch lists what the wall shows after from, and until to.
// Both are whole minutes.
func watch(location *time.Location, from, to time.Time) []minute {
	var seen []minute
	// Begin a day before, to know what the wall has shown.
	now := from.Add(-24 * time.Hour)
	for shown := wallOf(now, location); !now.After(to); now = now.Add(time.Minute) {
		wall := wallOf(now, location)
		if !shown.Before(wall) && now.After(from) {
			seen = append(seen, minute{now, wall, true})
		}
		for shown.Before(wall) {
			shown = shown.Add(time.Minute)
			if now.After(from) {
				seen = append(seen, minute{now, shown, false})
			}
		}
	}
	return seen
}

// due lists the moments at which a run is due.
func (f fields) due(seen []minute) []time.Time {
	var moments []time.Time
	for _, m := range seen {
		if f.allow(m.wall) && (f.throughout || !m.again) {
			moments = append(moments, m.moment)
		}
	}
	return slices.CompactFunc(moments, time.Time.Equal)
}

// timetables maps expressions to their meaning.
var timetables = map[string]fields{
	"0 2 * * *":         {minutes: []int{0}, hours: []int{2}},
	"30 1 * * *":        {minutes: []int{30}, hours: []int{1}},
	"30 2 * * *":        {minutes: []int{30}, hours: []int{2}},
	"15 2 * * 0":        {minutes: []int{15}, hours: []int{2}, weekdays: []int{0}},
	"15 2 * * 7":        {minutes: []int{15}, hours: []int{2}, weekdays: []int{0}},
	"0 0 * * *":         {minutes: []int{0}, hours: []int{0}},
	"@daily":            {minutes: []int{0}, hours: []int{0}},
	"@hourly":           {minutes: []int{0}, throughout: true},
	"@weekly":           {minutes: []int{0}, hours: []int{0}, weekdays: []int{0}},
	"@monthly":          {minutes: []int{0}, hours: []int{0}, days: []int{1}},
	"@yearly":           {minutes: []int{0}, hours: []int{0}, days: []int{1}, months: []int{1}},
	"*/20 * * * *":      {minutes: []int{0, 20, 40}, throughout: true},
	"30 * * * *":        {minutes: []int{30}, throughout: true},
	"45 0-23 * * *":     {minutes: []int{45}, throughout: true},
	"0 */2 * * *":       {minutes: []int{0}, hours: []int{0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22}, throughout: true},
	"10 1-23/2 * * *":   {minutes: []int{10}, hours: []int{1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23}},
	"0 */12 * * sun":    {minutes: []int{0}, hours: []int{0, 12}, weekdays: []int{0}, throughout: true},
	"*/15 1-3 * * *":    {minutes: []int{0, 15, 30, 45}, hours: []int{1, 2, 3}},
	"* 2 * * *":         {hours: []int{2}},
	"*/20 1-3 * * *":    {minutes: []int{0, 20, 40}, hours: []int{1, 2, 3}},
	"59 23 31 * *":      {minutes: []int{59}, hours: []int{23}, days: []int{31}},
	"0 12 13 * fri":     {minutes: []int{0}, hours: []int{12}, days: []int{13}, weekdays: []int{5}},
	"5 4 * mar,oct 5-7": {minutes: []int{5}, hours: []int{4}, months: []int{3, 10}, weekdays: []int{5, 6, 0}},
	"5 4 * * 1-7/2":     {minutes: []int{5}, hours: []int{4}, weekdays: []int{1, 3, 5, 0}},
	"5 4 * * 0-7/3":     {minutes: []int{5}, hours: []int{4}, weekdays: []int{0, 3, 6}},
	"5 4 * * Thu-7,2":   {minutes: []int{5}, hours: []int{4}, weekdays: []int{4, 5, 6, 0, 2}},
	"0 3 29 2 *":        {minutes: []int{0}, hours: []int{3}, days: []int{29}, months: []int{2}},
}

var zones = strings.Fields(`Europe/Berlin Europe/London America/New_York Africa/Cairo Asia/Beirut
	Australia/Lord_Howe Asia/Kolkata America/Santiago Pacific/Apia UTC`)
