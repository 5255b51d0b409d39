// Package extract decides what to read and reads it: gaps in the coverage, the
// lookback, the worklist; cut into slices that are read in parallel, page by
// page, within the rate that the source is to be asked at, and again where the
// source failed in passing.
//
// It promises that a span counts as read only when every page of every slice
// of it was read to its end, and that each request asks a second more on both
// sides, since nothing says whether the ends are inclusive. What is guessed of
// the order of pages, and of how many there are, costs requests at worst.
//
// It knows the API and neither tables nor destinations. Planning (span.go,
// coverage.go, plan.go) is pure.
package extract
