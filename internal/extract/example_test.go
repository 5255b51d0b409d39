package extract_test

import (
	"fmt"
	"time"

	"convsync/internal/extract"
)

// A run reads the gaps of the coverage, and again what the lookback asks for. Open
// conversations outside of these time ranges are read one by one.
func ExampleDecide() {
	at := func(hour int) extract.Second {
		return extract.SecondOf(time.Date(2026, 3, 2, hour, 0, 0, 0, time.UTC))
	}
	plan := extract.Decide(extract.Need{
		Start: at(0),
		Now:   at(12),
		Coverage: []extract.Covered{ // nothing was read from 06:00 to 07:00
			{Span: extract.Span{From: at(0), Until: at(6)}, ReadAt: at(11)},
			{Span: extract.Span{From: at(7), Until: at(11)}, ReadAt: at(11)},
		},
		Lookback: []extract.Tier{{Depth: 2 * time.Hour, Every: 0}},
		Open:     []extract.Second{at(3)},
	})
	for _, span := range plan.Spans {
		fmt.Println("read:", span)
	}
	for _, span := range plan.Open {
		fmt.Println("open:", span)
	}
	// Output:
	// read: 2026-03-02T06:00:00Z to 2026-03-02T07:00:00Z
	// read: 2026-03-02T10:00:00Z to 2026-03-02T12:00:00Z
	// open: 2026-03-02T03:00:00Z to 2026-03-02T03:00:01Z
}
