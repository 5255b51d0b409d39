package pipeline

import (
	"maps"
	"slices"
	"testing"

	"golang.org/x/sync/semaphore"

	"convsync/internal/load"
	"convsync/internal/simulate"
	"convsync/internal/transform"
	"convsync/internal/warehouse"
)

// TestRunDenseAfterQuiet reads a history whose newest month is empty, so that a
// window is planned with all days before it.
func TestRunDenseAfterQuiet(t *testing.T) {
	t.Parallel()
	const limit = conversations / 5
	now, d := at(end.AddDate(0, 0, 31)), newFake()
	o := options(t, simulated(t, now, simulate.Deviations{}), d, now)
	o.windowLimit, o.Progress = limit, &Progress{}
	// One slice at a time, of a part of a day, so that the limit is noticed in time.
	o.Feeds[0].Reader.PageSize, o.Feeds[0].Reader.Walks = 10, semaphore.NewWeighted(1)
	report, err := Run(t.Context(), o)
	if err != nil || report.Status != warehouse.RunSucceeded {
		t.Fatalf("%v, %+v", err, report)
	}
	staged := map[load.WindowID]int{}
	for _, b := range d.batches {
		staged[b.Window] += len(b.Rows)
	}
	if most := slices.Max(slices.Collect(maps.Values(staged))); most > limit+conversations/10 {
		t.Errorf("a window has %d conversations, and a day has %d", most, conversations/10)
	}
	want := []load.Range{{From: warehouse.TimestampOf(begin), Until: warehouse.TimestampOf(now()), ReadAt: warehouse.TimestampOf(now()), Shape: transform.Shape}}
	if !slices.Equal(d.coverage(), want) || d.watermark() != want[0].Until || len(d.conversations()) != conversations {
		t.Errorf("%d conversations, covered %v until %v", len(d.conversations()), d.coverage(), d.watermark().Time())
	}
	if read, planned := o.Progress.Seconds(); read != planned {
		t.Errorf("progress counted %d seconds of %d", read, planned)
	}
}
