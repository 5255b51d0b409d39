package load

import (
	"strings"
	"time"

	"convsync/internal/warehouse"
)

// Parts are the parts of a conversation that a project can hide.
type Parts struct{ Transcripts, Metrics bool }

// Revealed counts the conversations that show again what was hidden, by what.
type Revealed struct{ Transcripts, Metrics int64 }

// Any reports whether anything is shown again.
func (r Revealed) Any() bool { return r != Revealed{} }

// Parts are what is shown again.
func (r Revealed) Parts() Parts { return Parts{r.Transcripts > 0, r.Metrics > 0} }

// Reveals finds out whether the source shows again what it had hidden, of
// conversations that are compared at once. Its zero value is ready to use; it
// is not safe for concurrent use.
//
// That one conversation shows a transcript, or metrics, that it did not show
// says little: they may come late, or be hidden of a few for good. A project's
// switch hides all of a day. So what counts is an ended conversation that shows
// what it had not, on a day of which no stored one shows any.
type Reveals struct {
	transcripts, metrics map[warehouse.Timestamp]int64 // by the UTC midnight of their day
}

// Add adds what a decision of [Batch.Merge] says about parts that are visible
// again.
func (r *Reveals) Add(d *Decision) {
	if d.VisibleAgain.Transcripts {
		noteDay(&r.transcripts, d.Day)
	}
	if d.VisibleAgain.Metrics {
		noteDay(&r.metrics, d.Day)
	}
}

// visibleAgain are the parts that were hidden when an ended conversation was
// stored, and that the source returns now.
func visibleAgain(in, stored *warehouse.Conversation) Parts {
	if stored.Lifecycle != warehouse.LifecycleFinal {
		return Parts{}
	}
	return Parts{
		Transcripts: IsHidden(stored) && ShowsTranscript(in),
		Metrics:     NoMetrics(stored.Metrics) && !NoMetrics(in.Metrics),
	}
}

func midnight(t warehouse.Timestamp) warehouse.Timestamp {
	return warehouse.TimestampOf(t.Time().Truncate(24 * time.Hour))
}

func noteDay(days *map[warehouse.Timestamp]int64, midnight warehouse.Timestamp) {
	if *days == nil {
		*days = map[warehouse.Timestamp]int64{}
	}
	(*days)[midnight]++
}

// DayShows tells whether any conversation that is stored of a feed's day, given
// as its midnight, shows something.
type DayShows func(midnight warehouse.Timestamp) (bool, error)

// Count is how many conversations show something again. It asks about days that
// have some that may, and about no others.
func (r *Reveals) Count(transcripts, metrics DayShows) (n Revealed, err error) {
	if n.Transcripts, err = countHidden(r.transcripts, transcripts); err == nil {
		n.Metrics, err = countHidden(r.metrics, metrics)
	}
	return n, err
}

// countHidden counts those of days that show nothing.
func countHidden(days map[warehouse.Timestamp]int64, shows DayShows) (n int64, err error) {
	for midnight, shown := range days {
		some, err := shows(midnight)
		if err != nil {
			return 0, err
		}
		if !some {
			n += shown
		}
	}
	return n, nil
}

// IsHidden reports whether the transcript is hidden, kept or not.
func IsHidden(c *warehouse.Conversation) bool {
	return strings.HasPrefix(c.TranscriptStatus, warehouse.TranscriptHidden)
}

// ShowsTranscript reports whether the source shows a transcript; it shows none
// of a conversation that has no turns.
func ShowsTranscript(c *warehouse.Conversation) bool { return c.TurnsLoaded > 0 && !IsHidden(c) }
