package pipeline

import (
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/semaphore"

	"convsync/internal/extract"
	"convsync/internal/simulate"
	"convsync/internal/warehouse"
)

// TestRun_UnchangedWindows checks that windows of unchanged conversations are larger,
// in the plan and when more comes than was planned, and those of new ones are not.
func TestRun_UnchangedWindows(t *testing.T) {
	t.Parallel()
	const limit = conversations / 5
	now, d := at(end), newFake()
	source := simulated(t, now, simulate.Deviations{})
	windows := func() (n int) {
		before := len(d.windows)
		o := options(t, source, d, now)
		o.windowLimit = limit
		o.Lookback = []extract.Tier{{Depth: end.Sub(begin) + time.Hour}}
		o.Feeds[0].Reader.PageSize, o.Feeds[0].Reader.Walks = 10, semaphore.NewWeighted(1)
		report, err := Run(t.Context(), o)
		if err != nil || report.Status != warehouse.RunSucceeded {
			t.Fatalf("%v, %+v", err, report)
		}
		for _, w := range slices.Clone(d.windows)[before:] {
			if len(w.Coverage) > 0 {
				n++
			}
		}
		return n
	}
	if first, again := windows(), windows(); again >= first {
		t.Errorf("%d windows, and %d when everything was unchanged", first, again)
	}
}
