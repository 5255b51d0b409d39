package questions

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Days is a range of local days. A zero time is unknown.
type Days struct {
	From  time.Time // the first one
	Until time.Time // the one after the last
}

// Count returns the number of days.
func (d Days) Count() int { return int(d.Until.Sub(d.From).Hours() / 24) }

// Defaults are facts that default values depend on.
type Defaults struct {
	Newest
	// HandoffReasonMap has the group of each handoff reason, from the configuration.
	HandoffReasonMap map[string]string
}

// ErrNothingLoaded reports that the period cannot be chosen, because the destination
// is empty.
var ErrNothingLoaded = errors.New("nothing is loaded yet: `convsync run` loads conversations")

// count matches a number that is not negative. A parameter with such a default needs one.
var count = regexp.MustCompile(`^\d{1,9}$`)

// Values returns the values of all parameters: those that are given, which may have the
// forms of defaults, and otherwise the defaults. days is the period that the answer is
// about, with the one that it is compared with; zero if it has none.
//
// $to is a day, `complete` (after the last complete day) or `newest` (after the newest
// one of which something is stored). $from is a day, `N days` (before $to) or `month`
// (the first day of the month of the last day). $earlier is a day, or `equal`: as far
// before $from as $to is after it.
func (q *Question) Values(given map[string]string, d Defaults) (values map[string]string, days Days, err error) {
	values = map[string]string{}
	for _, p := range q.Params {
		values[p.Name] = p.Default
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		p := q.Param(name)
		if p == nil {
			return nil, Days{}, fmt.Errorf("%s has no parameter $%s; it has %s", q.Name, name, q.paramNames())
		}
		if count.MatchString(p.Default) && !count.MatchString(given[name]) {
			return nil, Days{}, fmt.Errorf("$%s = %q is not a number: expected 0 or more, such as %s", name, given[name], p.Default)
		}
		values[name] = given[name]
	}
	if values[HandoffReasonMap] == "configured" {
		values[HandoffReasonMap] = mapLines(d.HandoffReasonMap)
	}
	if q.Param(From) == nil {
		return values, Days{}, nil
	}
	days, err = period(values, d.Newest)
	return values, days, err
}

func (q *Question) paramNames() string {
	names := make([]string, len(q.Params))
	for i, p := range q.Params {
		names[i] = p.Name
	}
	return strings.Join(names, ", ")
}

// mapLines returns a line "reason => group" for each reason.
func mapLines(groups map[string]string) string {
	var lines []string
	for _, reason := range slices.Sorted(maps.Keys(groups)) {
		lines = append(lines, reason+" => "+groups[reason])
	}
	return strings.Join(lines, "\n")
}

// period replaces the values of $from, $to and $earlier by days.
func period(values map[string]string, newest Newest) (days Days, err error) {
	if days.Until, err = until(values[To], newest); err != nil {
		return Days{}, err
	}
	if days.From, err = from(values[From], days.Until); err != nil {
		return Days{}, err
	}
	if !days.From.Before(days.Until) {
		return Days{}, fmt.Errorf("the period is empty: it is from %s until before %s", days.From.Format(time.DateOnly), days.Until.Format(time.DateOnly))
	}
	values[From], values[To] = days.From.Format(time.DateOnly), days.Until.Format(time.DateOnly)
	earlier, compares := values[Earlier]
	if !compares {
		return days, nil
	}
	whole := Days{From: days.From.AddDate(0, 0, -days.Count()), Until: days.Until}
	if earlier != "equal" {
		if whole.From, err = day(Earlier, earlier, "or `equal`"); err != nil {
			return Days{}, err
		}
	}
	values[Earlier] = whole.From.Format(time.DateOnly)
	return whole, nil
}

func until(value string, newest Newest) (time.Time, error) {
	found := time.Time{}
	switch value {
	case "complete":
		found = newest.Complete
	case "newest":
		found = newest.Stored
	default:
		return day(To, value, "`complete` or `newest`")
	}
	if found.IsZero() {
		return found, ErrNothingLoaded
	}
	return found, nil
}

var daysBefore = regexp.MustCompile(`^([1-9]\d{0,4}) days?$`)

func from(value string, until time.Time) (time.Time, error) {
	if value == "month" {
		last := until.AddDate(0, 0, -1)
		return last.AddDate(0, 0, 1-last.Day()), nil
	}
	if m := daysBefore.FindStringSubmatch(value); m != nil {
		n, err := strconv.Atoi(m[1])
		return until.AddDate(0, 0, -n), err
	}
	return day(From, value, "`7 days` or `month`")
}

func day(name, value, others string) (time.Time, error) {
	found, err := time.Parse(time.DateOnly, value)
	if err != nil {
		return found, fmt.Errorf("$%s = %q is not a day: write it like 2026-11-30, %s", name, value, others)
	}
	return found, nil
}
