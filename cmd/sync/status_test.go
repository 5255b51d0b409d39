package main

import (
	"math"
	"strings"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

func TestTheLookbackIsProposedFromTheLateness(t *testing.T) {
	t.Parallel()
	hours := func(h, n int64) warehouse.Lateness {
		return warehouse.Lateness{Measure: load.LateArrival, UpperSeconds: h * 3600, Count: n}
	}
	for name, c := range map[string]struct {
		buckets  []warehouse.Lateness
		proposed float64 // 0: none
		warned   bool
	}{
		"nothing yet":            {nil, 0, false},
		"too few to tell":        {[]warehouse.Lateness{hours(1, 50)}, 0, false},
		"well within":            {[]warehouse.Lateness{hours(1, 990), hours(24, 10)}, 2, false},
		"near the edge":          {[]warehouse.Lateness{hours(1, 900), hours(144, 100)}, 180, true},
		"beyond all the buckets": {[]warehouse.Lateness{hours(1, 900), {Measure: load.LateChange, UpperSeconds: math.MaxInt64, Count: 100}}, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var f feedStatus
			f.addLateness(c.buckets, 168*time.Hour)
			proposed := 0.0
			if f.Lookback != nil {
				proposed = *f.Lookback
			}
			if proposed != c.proposed || (f.Warning != "") != c.warned {
				t.Errorf("proposes %gh and warns %q", proposed, f.Warning)
			}
			var said strings.Builder
			f.printLateness(&said)
			if strings.Contains(said.String(), "WARNING") != c.warned {
				t.Errorf("says %s", said.String())
			}
			if strings.Contains(said.String(), "more than 30 days, more than 30 days (") != (name == "beyond all the buckets") || strings.Contains(said.String(), "2562047h") {
				t.Errorf("says %s", said.String())
			}
		})
	}
}

func TestStatusDoesNotSayThatNothingRunsWhileTheFirstRunGoes(t *testing.T) {
	t.Parallel()
	lake := inFolder(t, "lake")
	beganIn(t, lake)
	r := convsync(t, nil, "status", "--config", configure(t, "http://127.0.0.1:1", into(lake)))
	r.want(t, exitOK, "no run has ended yet")
	if strings.Contains(r.stdout, "convsync run") {
		t.Errorf("it says to start another run: %s", r.stdout)
	}
}
