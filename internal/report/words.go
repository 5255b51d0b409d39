package report

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

const shownDay = "2 Jan 2006"

// grouped formats a number with commas between thousands.
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// absent is shown instead of a figure that is not known.
const absent = "–"

// percent formats a rate.
func percent(v *float64) string {
	if v == nil {
		return absent
	}
	return strconv.FormatFloat(*v*100, 'f', 1, 64) + " %"
}

// seconds formats a latency.
func seconds(v *float64) string {
	if v == nil {
		return absent
	}
	return strconv.FormatFloat(*v, 'f', 2, 64) + " s"
}

// length formats a duration in seconds.
func length(v *float64) string {
	switch {
	case v == nil:
		return absent
	case *v >= 1<<32:
		return "more than 100 years"
	}
	d := time.Duration(*v * float64(time.Second)).Round(time.Second)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min %02d s", d/time.Minute, d%time.Minute/time.Second)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %02d min", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%d d %d h", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}

// number formats a number of a metric.
func number(v *float64) string {
	if v == nil {
		return absent
	}
	if math.Abs(*v) >= 1000 {
		return grouped(int64(math.Round(*v)))
	}
	return strconv.FormatFloat(*v, 'g', 4, 64)
}

func orNone(text *string) string {
	if text == nil {
		return "none given"
	}
	return *text
}

// shown returns a day for people.
func shown(day string) string {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return day
	}
	return t.Format(shownDay)
}
