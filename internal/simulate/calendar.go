package simulate

import (
	"sort"
	"time"
)

// The relative load of the hours of a day and the days of a week (from Sunday).
var (
	hourWeight = [24]float64{1, 0.6, 0.4, 0.3, 0.4, 0.9, 2, 4, 8, 11, 12, 11.5, 9.5, 10, 11, 11, 10, 8.5, 7, 5.5, 4.5, 3.5, 2.5, 1.6}
	dayWeight  = [7]float64{0.35, 1.25, 1.1, 1.05, 1, 1, 0.55}
)

// calendar distributes conversations over a time range as in a contact centre:
// busy mornings, quiet nights and Sundays.
type calendar struct {
	from, to   int64     // µs
	cumulative []float64 // share that started before each hour of the range; ends with 1
}

const hourMicros = int64(time.Hour / time.Microsecond)

func newCalendar(from, to time.Time) *calendar {
	c := &calendar{from: from.UnixMicro(), to: to.UnixMicro()}
	total := 0.0
	c.cumulative = append(c.cumulative, 0)
	for at := c.from; at < c.to; at += hourMicros {
		t := time.UnixMicro(at).UTC()
		part := float64(min(hourMicros, c.to-at)) / float64(hourMicros)
		total += part * hourWeight[t.Hour()] * dayWeight[t.Weekday()]
		c.cumulative = append(c.cumulative, total)
	}
	for i := range c.cumulative {
		c.cumulative[i] /= total
	}
	return c
}

// at returns the moment (µs) before which the share u of all conversations starts.
// It increases with u.
func (c *calendar) at(u float64) int64 {
	hour := sort.SearchFloat64s(c.cumulative, u) - 1
	hour = min(max(hour, 0), len(c.cumulative)-2)
	begin := c.from + int64(hour)*hourMicros
	length := min(hourMicros, c.to-begin)
	low, high := c.cumulative[hour], c.cumulative[hour+1]
	return begin + int64(float64(length)*min((u-low)/(high-low), 1))
}
