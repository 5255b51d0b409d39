package main

import (
	"fmt"
	"io"
	"math"
	"time"

	"convsync/internal/load"
	"convsync/internal/plural"
	"convsync/internal/warehouse"
)

// lateStatus has the lateness of conversations, by one measure.
type lateStatus struct {
	Measure       string  `json:"measure"` // arrival, final or change
	Conversations int64   `json:"conversations"`
	P50           float64 `json:"p50_seconds"` // upper bounds of the buckets that hold the percentiles
	P95           float64 `json:"p95_seconds"`
	P99           float64 `json:"p99_seconds"`
}

const (
	// enoughLate is the minimum number of observations for a 99th percentile.
	enoughLate = 100
	// nearEdge is the share of the lookback that should cover 99 of 100.
	nearEdge = 0.8
)

func (f *feedStatus) addLateness(buckets []warehouse.Lateness, lookback time.Duration) {
	deepest := time.Duration(0)
	for _, measure := range []string{load.LateArrival, load.LateFinal, load.LateChange} {
		p99, n := load.Late(buckets, measure, 0.99)
		if n == 0 {
			continue
		}
		p50, _ := load.Late(buckets, measure, 0.50)
		p95, _ := load.Late(buckets, measure, 0.95)
		f.Lateness = append(f.Lateness, lateStatus{measure, n, p50.Seconds(), p95.Seconds(), p99.Seconds()})
		if n >= enoughLate {
			deepest = max(deepest, p99)
		}
	}
	switch deepest {
	case 0:
		return
	case math.MaxInt64:
		f.Warning = "arrivals and changes come more than 30 days late, which no lookback covers: " +
			"run `convsync verify --repair` over older weeks from time to time"
		return
	}
	hours := math.Ceil(deepest.Hours() / nearEdge)
	f.Lookback = &hours
	if float64(deepest) > nearEdge*float64(lookback) {
		f.Warning = fmt.Sprintf("arrivals and changes come close to the limit of the lookback (%s); later ones are not read: "+
			"set sync.lookback.daily to %.0fh or more", lookback, hours)
	}
}

func (f *feedStatus) printLateness(w io.Writer) {
	seconds := func(s float64) string {
		if s >= time.Duration(math.MaxInt64).Seconds() { // in the last bucket, which has no upper bound
			return "more than 30 days"
		}
		return (time.Duration(s) * time.Second).String()
	}
	for _, l := range f.Lateness {
		fmt.Fprintf(w, "  %-17s p50 %s, p95 %s, p99 %s (%s)\n", l.Measure+" within", seconds(l.P50), seconds(l.P95), seconds(l.P99), plural.Count(l.Conversations, "conversation"))
	}
	if f.Lookback != nil {
		fmt.Fprintf(w, "  lookback          %.0fh is enough for 99 %% of the arrivals and changes\n", *f.Lookback)
	}
	if f.Warning != "" {
		fmt.Fprintf(w, "  WARNING           %s\n", f.Warning)
	}
}
