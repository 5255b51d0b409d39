package pipeline

import (
	"testing"
	"time"

	"convsync/internal/extract"
	"convsync/internal/simulate"
)

// The request that returns server time also returns conversations: a run sends no
// request for the time alone, except if it has nothing else to read.
func TestOpenRequests(t *testing.T) {
	t.Parallel()
	now := end.Add(3 * time.Hour)
	for name, c := range map[string]struct {
		earlier  time.Duration // of an earlier run, before now; 0: none
		set      func(o *Options)
		requests int64
	}{
		"First":    {0, func(*Options) {}, 3},                                          // pages of 2,000 conversations
		"NextHour": {time.Hour, func(*Options) {}, 1},                                  // the lookback of a day
		"Recent":   {time.Minute, func(o *Options) { o.Lookback = o.Lookback[:1] }, 1}, // the last hour
		"Covered":  {time.Nanosecond, func(o *Options) { o.Lookback = nil }, 1},        // nothing to read
		"Backfill": {0, func(o *Options) {
			o.Backfill = extract.Span{From: extract.SecondOf(begin), Until: extract.SecondOf(begin) + 3600}
		}, 1},
		"Ahead":  {0, func(o *Options) { o.Clock = at(now.Add(time.Hour)) }, 3},
		"Behind": {0, func(o *Options) { o.Clock = at(now.Add(-time.Hour)) }, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newFake()
			if c.earlier > 0 {
				then := at(now.Add(-c.earlier))
				if _, err := Run(t.Context(), options(t, simulated(t, then, simulate.Deviations{}), d, then)); err != nil {
					t.Fatal(err)
				}
			}
			o := options(t, simulated(t, at(now), simulate.Deviations{}), d, at(now))
			o.Feeds[0].Reader.PageSize = 1000
			c.set(&o)
			report, err := Run(t.Context(), o)
			if err != nil || report.Requests != c.requests {
				t.Errorf("%v, %d requests, want %d", err, report.Requests, c.requests)
			}
		})
	}
}
