package serve

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"convsync/internal/plural"
	"convsync/internal/warehouse"
)

// moment is a time in display form; its zero value is no time.
type moment struct {
	At   time.Time
	Text string // in the time zone of the feed
	Ago  string // or "in …"
}

const shownTime = "2 Jan 2006, 15:04 MST"

func momentOf(t, now time.Time, zone *time.Location) moment {
	if t.IsZero() {
		return moment{}
	}
	return moment{t, t.In(zone).Format(shownTime), relative(now.Sub(t))}
}

func stampOf(t warehouse.Timestamp, now time.Time, zone *time.Location) moment {
	if t == 0 {
		return moment{}
	}
	return momentOf(t.Time(), now, zone)
}

// Machine is the time for a datetime attribute.
func (m moment) Machine() string { return m.At.UTC().Format(time.RFC3339) }

func (m moment) IsZero() bool { return m.At.IsZero() }

// Ago formats the distance of a time from now, such as "5 minutes ago" or "in 2
// hours".
func Ago(t, now time.Time) string { return relative(now.Sub(t)) }

func relative(ago time.Duration) string {
	switch {
	case ago > -time.Second && ago < time.Second:
		return "just now"
	case ago < 0:
		return "in " + length(-ago)
	}
	return length(ago) + " ago"
}

// length formats a duration with at most two units.
func length(d time.Duration) string {
	switch {
	case d == math.MaxInt64:
		return "more than 30 days"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return count(int64(d.Round(time.Second).Seconds()), "second")
	case d < time.Hour:
		return count(int64(d/time.Minute), "minute")
	case d < 48*time.Hour:
		return withRest(int64(d/time.Hour), "hour", int64(d%time.Hour/time.Minute), "min")
	}
	return withRest(int64(d/(24*time.Hour)), "day", int64(d%(24*time.Hour)/time.Hour), "h")
}

func withRest(n int64, unit string, rest int64, restUnit string) string {
	if rest == 0 || n >= 10 {
		return count(n, unit)
	}
	return fmt.Sprintf("%s %d %s", count(n, unit), rest, restUnit)
}

// count is "1 hour", "2 hours", "1,200 hours".
func count(n int64, thing string) string {
	return grouped(n) + " " + plural.Of(n, thing)
}

// grouped formats a number with commas between thousands.
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// figure formats a number of a chart: an integer if large, else with three digits.
func figure(v float64) string {
	if math.Abs(v) >= 100 || v == math.Trunc(v) {
		return grouped(int64(math.Round(v)))
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
