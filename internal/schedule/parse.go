package schedule

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Parse parses an expression whose times are in the zone of location:
//
//   - Five fields: minute, hour, day of the month, month, day of the week. Sunday
//     is 0 or 7; months and days have their English names too. Where both days
//     are restricted (neither is *), either is enough, as in every cron.
//   - @hourly, @daily (or @midnight), @weekly, @monthly, @yearly (or @annually).
//   - @every and a duration of whole seconds, such as @every 90m. It does not
//     use the zone: its scheduled times are the multiples of the duration in absolute time, the
//     same after each restart.
//
// An expression that never matches a date is an error, and so is one that sets a
// zone. Parse never panics.
func Parse(expression string, location *time.Location) (t Timetable, err error) {
	defer func() {
		if recover() != nil { // the parser panics on an incomplete zone
			t, err = Timetable{}, errors.New("it cannot be parsed")
		}
	}()
	expression = strings.TrimSpace(expression)
	if strings.Contains(expression, "TZ=") {
		return Timetable{}, errors.New("an expression cannot set a time zone: use the key time_zone")
	}
	if rest, ok := strings.CutPrefix(expression, "@every"); ok {
		return parseEvery(strings.TrimSpace(rest))
	}
	clock, err := cron.ParseStandard(withSundayZero(expression))
	if err != nil {
		return Timetable{}, errors.New("a field is missing, misspelt or out of range; expected minute, hour, day, month, weekday, such as \"0 2 * * *\"")
	}
	// The parser searches five years: from 2000, they include a 29 February.
	if clock.Next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return Timetable{}, errors.New("it never matches a date")
	}
	return Timetable{clock: clock, location: location, throughout: isThroughout(expression)}, nil
}

// isThroughout reports whether an expression runs every hour or every n hours,
// instead of at listed hours.
func isThroughout(expression string) bool {
	fields := strings.Fields(expression)
	if len(fields) != 5 {
		return expression == "@hourly"
	}
	for part := range strings.SplitSeq(fields[1], ",") {
		if hours, _, _ := strings.Cut(part, "/"); hours == "*" || hours == "?" || hours == "0-23" {
			return true
		}
	}
	return false
}

func parseEvery(duration string) (Timetable, error) {
	d, err := time.ParseDuration(duration)
	switch {
	case err != nil:
		return Timetable{}, errors.New("@every needs a duration, such as @every 90m")
	case d < time.Second || d%time.Second != 0:
		return Timetable{}, errors.New("@every needs a duration of whole seconds, at least one")
	}
	return Timetable{every: d}, nil
}

// withSundayZero replaces 7, which the parser rejects, by 0. A range that ends in 7
// becomes a list of days.
func withSundayZero(expression string) string {
	fields := strings.Fields(expression)
	if len(fields) != 5 {
		return expression
	}
	days := strings.Split(fields[4], ",")
	for i, part := range days {
		days[i] = daysUpToSunday(part)
	}
	fields[4] = strings.Join(days, ",")
	return strings.Join(fields, " ")
}

// daysUpToSunday expands 7, a-7 and a-7/step. It returns anything else unchanged;
// the parser reports errors.
func daysUpToSunday(part string) string {
	days, stepText, stepped := strings.Cut(part, "/")
	step := 1
	if stepped {
		var err error
		if step, err = strconv.Atoi(stepText); err != nil || step < 1 {
			return part
		}
	}
	if days == "7" {
		return "0"
	}
	firstText, isRange := strings.CutSuffix(days, "-7")
	first, ok := weekday(firstText)
	if !isRange || !ok {
		return part
	}
	list := strconv.Itoa(first % 7)
	for day := first + min(step, 7); day <= 7; day += min(step, 7) {
		list += fmt.Sprintf(",%d", day%7)
	}
	return list
}

// weekday parses the number or name of a day.
func weekday(text string) (day int, ok bool) {
	for i, name := range []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} {
		if strings.EqualFold(text, name) {
			return i, true
		}
	}
	day, err := strconv.Atoi(text)
	return day, err == nil && day >= 0 && day <= 7
}
