package extract

import (
	"fmt"
	"time"
)

// maxClockDifference is the largest difference between server time and the local
// clock that causes no warning.
const maxClockDifference = 5 * time.Minute

// ClockDifference returns a message for users if server time and the local clock
// differ by more than 5 minutes, and "" otherwise. local is the local time at
// which the response with the server time arrived.
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

// Moment is when a response was made.
type Moment struct {
	Source time.Time // server time; the local time if the source does not report it
	Sent   time.Time // local time just before its request was sent
}

// Clocks holds server time and local time at one moment. Either clock may be
// wrong. A run reads up to the later one, so that nothing is missed, and covers
// up to the earlier one, so that a range never counts as read before its
// conversations existed.
type Clocks struct {
	Source, Local Second
	// Sent is the local time before the request. The response was made between Sent
	// and Local: it may lack what appeared in the source meanwhile.
	Sent Second
	// Witness is a time that both clocks had reached in an earlier run; 0 if there
	// was none. A clock behind it was set back. It does not limit the coverage if
	// the other clock has passed Witness.
	Witness Second
}

// Later returns the time up to which a run reads.
func (c Clocks) Later() Second { return min(max(c.Source, c.Local), lastSecond) }

// Earlier returns the time up to which a run records coverage.
func (c Clocks) Earlier() Second {
	earlier := min(c.Source, c.Sent, c.Local)
	if c.Witness <= c.Later() {
		return max(earlier, c.Witness)
	}
	return earlier
}

// Witnessed returns the time that both clocks had reached in an earlier run: the
// later of the last reading time and the end of the coverage, but at most local,
// the local time at which the watermark was stored.
func Witnessed(coverage []Covered, local Second) Second {
	last := Second(0)
	for _, c := range coverage {
		last = max(last, c.ReadAt, c.Until)
	}
	return min(last, local)
}
