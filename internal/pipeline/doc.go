// Package pipeline executes a run: it plans each feed, reads it window by window,
// transforms the conversations and loads them into the destination.
//
// Extract, transform and load work concurrently, connected by bounded queues. The
// bytes in flight are limited, so a slow destination slows down the reading, and
// memory does not grow with the length of the history. A window is published, and
// thereby covered, when all of it was read and staged. A window that fails is
// left to the next run, and does not affect the others.
//
// Times and ranges of conversation starts have one type per layer, and times.go
// converts them:
//
//   - [polyai.Micros] is a time as the source returns it.
//   - [extract.Second] and [extract.Span] are what a run plans and requests, in whole
//     seconds. An [extract.Covered] is a span that was read, an [extract.SpanError]
//     one that could not be read, an [extract.Hole] a second that the source fails
//     to return.
//   - [warehouse.Timestamp] is a stored time, in microseconds. A [load.Range] is a
//     stored Covered, a [warehouse.Hole] a stored Hole.
//   - [time.Time] is the time of a clock, such as server time.
//
// The package depends on interfaces only, and not on a destination, the
// configuration or files.
package pipeline
