package load

import (
	"cmp"
	"math"
	"slices"
	"time"

	"convsync/internal/warehouse"
)

// The measures of lateness, counted from a conversation's start. They are as a
// reader of the tables observes them, so that they include the time between runs
// and not only the delay of the source.
const (
	LateArrival = "arrival" // until it was first read
	LateFinal   = "final"   // until it was first read as ended
	LateChange  = "change"  // until a change after its end was read
)

// LatenessKey is a bucket of sync_lateness: conversations that were late by up
// to UpperSeconds, and by more than the bucket below.
type LatenessKey struct {
	Measure      string
	UpperSeconds int64
}

const (
	minute = 60
	hour   = 60 * minute
	day    = 24 * hour
)

// lateBuckets are the upper bounds of the buckets in seconds. The bucket after
// the last one has the bound math.MaxInt64.
var lateBuckets = [...]int64{
	1, 2, 5, 10, 20, 30, minute, 2 * minute, 3 * minute, 5 * minute, 7 * minute, 10 * minute, 15 * minute, 20 * minute, 30 * minute, 45 * minute,
	hour, 90 * minute, 2 * hour, 3 * hour, 4 * hour, 6 * hour, 8 * hour, 12 * hour, 18 * hour,
	day, 36 * hour, 2 * day, 3 * day, 4 * day, 5 * day, 6 * day, 7 * day, 10 * day, 14 * day, 21 * day, 30 * day,
}

// Observe counts how late a conversation is that is written at the time at and
// replaces stored (nil: it is new), as [Batch.Merge] does.
func Observe(c *Counts, in, stored *warehouse.Rows, at, liveSince warehouse.Timestamp) {
	c.addLate(lateness(in, stored, at, liveSince))
}

// lateness returns what to count of a conversation that is written, in at most
// two measures.
func lateness(in, stored *warehouse.Rows, at, liveSince warehouse.Timestamp) (late [2]LatenessKey) {
	start := in.Conversation.StartedAt
	if liveSince == 0 || start < liveSince {
		return late
	}
	key := func(measure string) LatenessKey { return LatenessKey{measure, lateBucket(int64(at-start) / 1e6)} }
	if stored == nil {
		late[0] = key(LateArrival)
	}
	switch ended := in.Conversation.Lifecycle == warehouse.LifecycleFinal; {
	case !ended:
	case stored == nil || stored.Conversation.Lifecycle != warehouse.LifecycleFinal:
		late[1] = key(LateFinal)
	case stored.Conversation.ContentHash != in.Conversation.ContentHash:
		late[1] = key(LateChange)
	}
	return late
}

// addLate counts those of late that have a measure.
func (c *Counts) addLate(late [2]LatenessKey) {
	for _, key := range late {
		if key.Measure == "" {
			continue
		}
		if c.Lateness == nil {
			c.Lateness = map[LatenessKey]int64{}
		}
		c.Lateness[key]++
	}
}

func lateBucket(seconds int64) int64 {
	i, _ := slices.BinarySearch(lateBuckets[:], seconds)
	if i == len(lateBuckets) {
		return math.MaxInt64
	}
	return lateBuckets[i]
}

// Late returns the quantile p (0 to 1) of a measure, as the upper bound of its
// bucket, and the number of conversations n. The bound is 0 if n is 0, and
// math.MaxInt64 ns if the quantile is above all buckets.
func Late(buckets []warehouse.Lateness, measure string, p float64) (bound time.Duration, n int64) {
	sorted := slices.DeleteFunc(slices.Clone(buckets), func(b warehouse.Lateness) bool { return b.Measure != measure })
	slices.SortFunc(sorted, func(a, b warehouse.Lateness) int { return cmp.Compare(a.UpperSeconds, b.UpperSeconds) })
	for _, b := range sorted {
		n += b.Count
	}
	rank, below := int64(math.Ceil(p*float64(n))), int64(0)
	for _, b := range sorted {
		if below += b.Count; below >= max(rank, 1) {
			if b.UpperSeconds > math.MaxInt64/int64(time.Second) {
				return math.MaxInt64, n
			}
			return time.Duration(b.UpperSeconds) * time.Second, n
		}
	}
	return 0, n
}
