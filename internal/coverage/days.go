package coverage

import "time"

const (
	// mostWait is the number of days for which late conversations are waited for. Where
	// they arrive even later, no recent day is complete.
	mostWait = 7
	// mostDays limits the search for other days.
	mostDays = 400
)

// LastComplete returns the day after the last one that is complete in some feed, so that
// a feed that is behind does not hide the others. If none of the last days is complete, it is
// the day after the last one that was read as a whole, or else in part; the zero time:
// nothing was read.
func LastComplete(feeds []*Feed) time.Time {
	for _, search := range []struct {
		least State
		days  int
	}{{Complete, mostWait + 1}, {Whole, mostDays}, {Partial, mostDays}} {
		if day := lastDay(feeds, search.least, search.days); !day.IsZero() {
			return day
		}
	}
	return time.Time{}
}

// LastRead returns the day after the last one of which something was read; the zero
// time: there is none.
func LastRead(feeds []*Feed) time.Time { return lastDay(feeds, Partial, mostDays) }

// lastDay returns the day after the last one with a state of some feed, among the last
// days before its watermark.
func lastDay(feeds []*Feed, least State, days int) (last time.Time) {
	for _, f := range feeds {
		if f.Watermark.IsZero() {
			continue
		}
		year, month, date := f.Watermark.In(f.Zone).Date()
		day := time.Date(year, month, date, 0, 0, 0, 0, time.UTC)
		for range days {
			if next := day.AddDate(0, 0, 1); f.State(day) >= least {
				if next.After(last) {
					last = next
				}
				break
			}
			day = day.AddDate(0, 0, -1)
		}
	}
	return last
}
