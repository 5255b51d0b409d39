package load

import (
	"strings"
	"time"

	"convsync/internal/warehouse"
)

// Reveals finds out whether the source shows again what it had hidden, of
// conversations that are compared at once. Its zero value is ready to use; it
// is not safe for concurrent use.
//
// A transcript says of itself that it is hidden. Metrics do not: an agent may
// write none, or write one late. They count as hidden where an ended
// conversation has some that had none, on a day of which none has any.
type Reveals struct {
	transcripts int64
	metrics     map[warehouse.Timestamp]int64 // by the UTC midnight of their day
}

// Changed takes in an answer, as [Reconcile] left it, and what is stored.
func (r *Reveals) Changed(in, stored *warehouse.Conversation) {
	switch {
	case IsHidden(stored) && !IsHidden(in) && in.TurnsLoaded > 0:
		r.transcripts++
	case stored.Lifecycle == warehouse.LifecycleFinal && NoMetrics(stored.Metrics) && !NoMetrics(in.Metrics):
		if r.metrics == nil {
			r.metrics = map[warehouse.Timestamp]int64{}
		}
		r.metrics[warehouse.TimestampOf(stored.StartedAt.Time().Truncate(24*time.Hour))]++
	}
}

// Count is how many conversations show something again. hasMetrics tells
// whether any that is stored of a feed's day, given as its midnight, has metrics.
func (r *Reveals) Count(hasMetrics func(midnight warehouse.Timestamp) (bool, error)) (int64, error) {
	n := r.transcripts
	for midnight, shown := range r.metrics {
		has, err := hasMetrics(midnight)
		if err != nil {
			return 0, err
		}
		if !has {
			n += shown
		}
	}
	return n, nil
}

// IsHidden reports whether the transcript is hidden, kept or not.
func IsHidden(c *warehouse.Conversation) bool {
	return strings.HasPrefix(c.TranscriptStatus, warehouse.TranscriptHidden)
}
