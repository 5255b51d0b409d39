package extract

import (
	"fmt"
	"time"
)

// maxClockDifference is how far the source's clock and ours may differ before
// a run warns.
const maxClockDifference = 5 * time.Minute

// ClockDifference describes clocks that differ by more than 5 minutes, for
// people; "" when they do not. local is our own clock at the moment of the
// answer that carried source.
func ClockDifference(source, local time.Time) string {
	d := source.Sub(local)
	if d.Abs() <= maxClockDifference {
		return ""
	}
	direction := "ahead of"
	if d < 0 {
		direction = "behind"
	}
	return fmt.Sprintf("the clock of the source is %s %s the clock of this machine (%s against %s)",
		d.Abs().Round(time.Minute), direction, source.UTC().Format(time.RFC3339), local.UTC().Format(time.RFC3339))
}

// Clocks are the times of the source and of this machine at one moment. Either
// clock may be wrong: a run reads up to the later one, so that nothing is
// missed, and covers up to the earlier one, so that nothing counts as read
// before it was there.
type Clocks struct {
	Source, Local Second
	// Witness is a time that both clocks had reached at an earlier run; 0: there
	// was none. A clock that is behind it was set back, and is not the one that
	// limits the coverage as long as the other agrees with the past.
	Witness Second
}

// Later is the upper end of what is read.
func (c Clocks) Later() Second { return min(max(c.Source, c.Local), lastSecond) }

// Earlier is the upper end of what is covered.
func (c Clocks) Earlier() Second {
	earlier := min(c.Source, c.Local)
	if c.Witness <= c.Later() {
		return max(earlier, c.Witness)
	}
	return earlier
}

// Witnessed is the time that both clocks had reached at an earlier run: that of
// the last reading or the end of the coverage, or, where that is earlier, the
// time at which our own clock stored the watermark.
func Witnessed(coverage []Covered, local Second) Second {
	last := Second(0)
	for _, c := range coverage {
		last = max(last, c.ReadAt, c.Until)
	}
	return min(last, local)
}
