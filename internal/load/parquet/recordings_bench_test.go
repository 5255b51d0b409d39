package parquet_test

import (
	"fmt"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/parquet"
	"convsync/internal/warehouse"
)

// BenchmarkRecordings checks 100,000 recordings of ten days, of which the results
// are recorded, merged and listed.
func BenchmarkRecordings(b *testing.B) {
	const n, days = 100_000, 10
	rows := make([]*warehouse.Rows, n)
	for i := range rows {
		start := loadtest.Noon.AddDate(0, 0, -i%days).Add(time.Duration(i/days) * time.Second)
		rows[i] = loadtest.Conversation("p", fmt.Sprint("c-", i), start, loadtest.Turns(1), loadtest.NoMetrics(""))
	}
	for b.Loop() {
		s := newLake(b)
		s.run(b, rows...)
		l := s.Open(b, nil).(*parquet.Lake)
		claim := s.claim(b, l)
		measure(b, "listed", n, func() { s.checked(b) })
		measure(b, "recorded", n, func() {
			for from := 0; from < n; from += 1000 {
				results := make([]load.RecordingResult, 1000)
				for i := range results {
					results[i] = storedAt(rows[from+i], 1)
				}
				record(b, claim, results...)
			}
		})
		measure(b, "overlaid", n, func() { s.checked(b) })
		measure(b, "merged", n, func() { s.run(b) })
		measure(b, "backlogs", 100, func() {
			for range 100 {
				if due, err := l.Backlog(b.Context(), "p", everything); err != nil || len(due) > 0 {
					b.Fatal(due, err)
				}
			}
		})
	}
}

// measure reports how many of n are done in a second.
func measure(b *testing.B, what string, n int, do func()) {
	start := time.Now()
	do()
	b.ReportMetric(float64(n)/time.Since(start).Seconds(), what+"/s")
}
