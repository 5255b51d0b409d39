package coverage

import "time"

// Range is a half-open range of times.
type Range struct{ From, Until time.Time }

// overlap returns how much of a range is in another one.
func (r Range) overlap(other Range) time.Duration {
	from, until := r.From, r.Until
	if other.From.After(from) {
		from = other.From
	}
	if other.Until.Before(until) {
		until = other.Until
	}
	return max(0, until.Sub(from))
}

// Feed says what was read of a project and environment.
type Feed struct {
	Zone *time.Location
	// Read has the ranges that were read completely, in order.
	Read []Range
	// Watermark: everything that started before was read; zero: unknown.
	Watermark time.Time
	// LatenessSeconds is the p99 lateness of arrivals; 0 if none is measured.
	LatenessSeconds float64
}

// Zone returns a time zone by its name; UTC if it is not known, as in the views.
func Zone(name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	return zone
}

// State is how much of a local day was read.
type State uint8

// The states, each better than the one before.
const (
	Before   State = iota // the day is before the history of the feed
	NotRead               // nothing of it was read
	Partial               // something of it was read
	Whole                 // all of it was read; conversations may still arrive
	Complete              // and the watermark is later than its end by the p99 lateness
)

// Midnight is the start of a local day, which is given as midnight in UTC.
func (f *Feed) Midnight(day time.Time) time.Time {
	return time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, f.Zone)
}

// State returns the state of a local day.
func (f *Feed) State(day time.Time) State {
	whole := Range{f.Midnight(day), f.Midnight(day.AddDate(0, 0, 1))}
	if len(f.Read) == 0 || !f.Read[0].From.Before(whole.Until) {
		return Before
	}
	read := time.Duration(0)
	for _, r := range f.Read {
		read += r.overlap(whole)
	}
	switch {
	case read == 0:
		return NotRead
	case read < whole.Until.Sub(whole.From):
		return Partial
	case f.Watermark.IsZero() || f.Watermark.Sub(whole.Until).Seconds() < f.LatenessSeconds:
		return Whole
	}
	return Complete
}
