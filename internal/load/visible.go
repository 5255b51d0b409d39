package load

import (
	"strings"
	"time"

	"convsync/internal/warehouse"
)

// Parts are the parts of a conversation that a project can hide.
type Parts struct{ Transcripts, Metrics bool }

// VisibleAgain counts the conversations with hidden data that is visible again, by
// part.
type VisibleAgain struct{ Transcripts, Metrics int64 }

// Any reports whether anything is visible again.
func (r VisibleAgain) Any() bool { return r != VisibleAgain{} }

// Parts returns the parts that are visible again.
func (r VisibleAgain) Parts() Parts { return Parts{r.Transcripts > 0, r.Metrics > 0} }

// VisibilityChanges detects that hidden data of a project is visible again, from the
// conversations that one call compares with the stored ones. Its zero value is
// ready to use. It is not safe for concurrent use.
//
// A single conversation whose transcript or metrics appear is not enough: they
// may arrive late, or a few conversations may be hidden permanently. The switch
// of a project hides all conversations of a day. So an ended conversation counts
// if its data appears on a day on which no stored conversation has such data.
type VisibilityChanges struct {
	transcripts, metrics map[warehouse.Timestamp]int64 // by the UTC midnight of their day
}

// Add adds the parts that are visible again according to a decision of
// [Batch.Merge].
func (r *VisibilityChanges) Add(d *Decision) {
	if d.VisibleAgain.Transcripts {
		noteDay(&r.transcripts, d.Day)
	}
	if d.VisibleAgain.Metrics {
		noteDay(&r.metrics, d.Day)
	}
}

// visibleAgain returns the parts that were hidden when an ended conversation was
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

// DayShows reports whether any stored conversation of a feed has a visible part on
// a day, which is given by its midnight.
type DayShows func(midnight warehouse.Timestamp) (bool, error)

// Count counts the conversations with data that is visible again. It calls the
// functions only for days on which [VisibilityChanges.Add] found some.
func (r *VisibilityChanges) Count(transcripts, metrics DayShows) (n VisibleAgain, err error) {
	if n.Transcripts, err = countHidden(r.transcripts, transcripts); err == nil {
		n.Metrics, err = countHidden(r.metrics, metrics)
	}
	return n, err
}

// countHidden adds the numbers of the days on which no stored data is visible.
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

// IsHidden reports whether the transcript is hidden, whether it is kept or not.
func IsHidden(c *warehouse.Conversation) bool {
	return strings.HasPrefix(c.TranscriptStatus, warehouse.TranscriptHidden)
}

// ShowsTranscript reports whether the transcript is visible. A conversation
// without turns has none.
func ShowsTranscript(c *warehouse.Conversation) bool { return c.TurnsLoaded > 0 && !IsHidden(c) }
