package load

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"convsync/internal/warehouse"
)

func version(lifecycle, hash string, start warehouse.Timestamp) *warehouse.Rows {
	return &warehouse.Rows{Conversation: warehouse.Conversation{Lifecycle: lifecycle, ContentHash: hash, StartedAt: start}}
}

func TestObserve(t *testing.T) {
	t.Parallel()
	const start, at = warehouse.Timestamp(1_000_000_000), warehouse.Timestamp(1_000_000_000 + 90*1e6)
	open, final := version(warehouse.LifecycleOpen, "a", start), version(warehouse.LifecycleFinal, "b", start)
	changed := version(warehouse.LifecycleFinal, "c", start)
	for name, c := range map[string]struct {
		in, stored *warehouse.Rows
		since      warehouse.Timestamp
		want       []string
	}{
		"new and open":            {open, nil, start, []string{LateArrival}},
		"new and ended":           {final, nil, start, []string{LateArrival, LateFinal}},
		"ended now":               {final, open, start, []string{LateFinal}},
		"changed after its end":   {changed, final, start, []string{LateChange}},
		"unchanged":               {final, final, start, nil},
		"history":                 {final, nil, start + 1, nil},
		"the first run of a feed": {final, nil, 0, nil},
		"open again, as it seems": {open, final, start, nil},
	} {
		var counts Counts
		Observe(&counts, c.in, c.stored, at, c.since)
		if len(counts.Lateness) != len(c.want) {
			t.Errorf("%s: %v, want %v", name, counts.Lateness, c.want)
		}
		for _, measure := range c.want {
			if counts.Lateness[LatenessKey{measure, 90 * 60}] != 0 || counts.Lateness[LatenessKey{measure, 2 * minute}] != 1 {
				t.Errorf("%s: %v, want %s of 90 s", name, counts.Lateness, measure)
			}
		}
	}
}

func TestLate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		seconds := rapid.SliceOfN(rapid.Int64Range(-10, 40*day), 1, 50).Draw(t, "seconds")
		p := rapid.Float64Range(0, 1).Draw(t, "share")
		byBucket := map[int64]int64{}
		for _, s := range seconds {
			byBucket[lateBucket(s)]++
		}
		buckets := []warehouse.Lateness{{Measure: LateChange, UpperSeconds: 1, Count: 1000}}
		for upper, n := range byBucket {
			buckets = append(buckets, warehouse.Lateness{Measure: LateArrival, UpperSeconds: upper, Count: n})
		}
		bound, n := Late(buckets, LateArrival, p)
		if n != int64(len(seconds)) {
			t.Fatalf("%d were counted of %d", n, len(seconds))
		}
		within := 0
		for _, s := range seconds {
			if bound == math.MaxInt64 || time.Duration(s)*time.Second <= bound {
				within++
			}
		}
		if float64(within) < p*float64(len(seconds)) {
			t.Fatalf("only %d of %d are within %v", within, len(seconds), bound)
		}
	})
	if bound, n := Late(nil, LateArrival, 0.5); bound != 0 || n != 0 {
		t.Errorf("without buckets: %v, %d", bound, n)
	}
}
