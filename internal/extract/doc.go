// Package extract plans what a run reads from the source, and reads it: gaps in
// the coverage, the lookback, and the open-conversation queue. Spans are cut into
// slices that are read in parallel, page by page, within the rate budget.
// Temporary failures are retried.
//
// A span counts as read only if every page of every slice of it was read to its
// end. Each request asks for one second more on both sides, since it is not
// documented whether the ends of a range are inclusive. Assumptions about the
// order and the number of pages affect only the number of requests.
//
// Times are whole seconds ([Second]) and ranges of conversation starts are half-open
// ([Span]), so that adjacent ranges have no gap and do not overlap. Package
// pipeline lists the types of the other layers, and converts them.
//
// The package depends on the API, and not on tables or destinations. Planning
// (span.go, coverage.go, plan.go) does no I/O.
package extract
