package report

import (
	"fmt"
	"time"
)

// Day is a local day: midnight in UTC of its date.
type Day = time.Time

// DefaultDays is the length of a period that is not given.
const DefaultDays = 28

// MaxDays limits the length of a period: the page has a row for each day.
const MaxDays = 400

// Period is a half-open range of local days.
type Period struct{ From, To Day }

// IsZero reports whether the period is not given.
func (p Period) IsZero() bool { return p == Period{} }

// Days is the number of days.
func (p Period) Days() int { return int(p.To.Sub(p.From).Hours()) / 24 }

// before is the period of the same length before p.
func (p Period) before() Period { return Period{p.From.AddDate(0, 0, -p.Days()), p.From} }

// Last is the last day.
func (p Period) Last() Day { return p.To.AddDate(0, 0, -1) }

// Words returns the period for people.
func (p Period) Words() string {
	if p.Days() == 1 {
		return p.From.Format(shownDay)
	}
	return p.From.Format(shownDay) + " to " + p.Last().Format(shownDay)
}

// LastDay, LastWeek (from Monday) and LastMonth are the last ones that have ended at a
// local time.
func LastDay(now time.Time) Period {
	today := dayOf(now)
	return Period{today.AddDate(0, 0, -1), today}
}

// LastWeek is described at [LastDay].
func LastWeek(now time.Time) Period {
	today := dayOf(now)
	monday := today.AddDate(0, 0, -(int(today.Weekday())+6)%7)
	return Period{monday.AddDate(0, 0, -7), monday}
}

// LastMonth is described at [LastDay].
func LastMonth(now time.Time) Period {
	first := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	return Period{first.AddDate(0, -1, 0), first}
}

// each returns the days.
func (p Period) each() (days []Day) {
	for day := p.From; day.Before(p.To); day = day.AddDate(0, 0, 1) {
		days = append(days, day)
	}
	return days
}

// ParsePeriod reads the first day and the day after the last one. Without the latter, the
// period is completed by [Options]; without both, it is zero.
func ParsePeriod(from, to string) (Period, error) {
	if from == "" && to == "" {
		return Period{}, nil
	}
	if from == "" || to == "" {
		return Period{}, fmt.Errorf("a period needs its first day and the day after its last one, such as from 2026-06-01 to 2026-07-01")
	}
	var p Period
	for _, end := range []struct {
		name, text string
		into       *Day
	}{{"from", from, &p.From}, {"to", to, &p.To}} {
		day, err := time.Parse(time.DateOnly, end.text)
		if err != nil || day.Year() < 1900 || day.Year() > 9000 {
			return Period{}, fmt.Errorf("%s %q is not a day; expected one such as 2026-06-01", end.name, end.text)
		}
		*end.into = day
	}
	return p, p.check()
}

func (p Period) check() error {
	switch {
	case !p.From.Before(p.To):
		return fmt.Errorf("the period is empty: %s is not before %s, which is the day after its last one", p.From.Format(time.DateOnly), p.To.Format(time.DateOnly))
	case p.Days() > MaxDays:
		return fmt.Errorf("the period has %d days; expected at most %d", p.Days(), MaxDays)
	}
	return nil
}

// MarshalJSON writes the days as dates.
func (p Period) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, `{"from":%q,"to":%q,"days":%d}`, p.From.Format(time.DateOnly), p.To.Format(time.DateOnly), p.Days()), nil
}
