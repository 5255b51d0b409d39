package pipeline

import (
	"convsync/internal/extract"
	"convsync/internal/warehouse"
)

// timestamp converts a time of the planner into that of the destination.
func timestamp(s extract.Second) warehouse.Timestamp { return warehouse.TimestampOf(s.Time()) }

// secondOf returns the second that contains a stored time.
func secondOf(at warehouse.Timestamp) extract.Second { return extract.SecondOf(at.Time()) }

// spanOf converts a stored time range, whose ends are whole seconds.
func spanOf(from, until warehouse.Timestamp) extract.Span {
	return extract.Span{From: secondOf(from), Until: secondOf(until)}
}

// wholeSecond returns the second that contains a stored time, as a span.
func wholeSecond(at warehouse.Timestamp) extract.Span {
	second := secondOf(at)
	return extract.Span{From: second, Until: second + 1}
}
