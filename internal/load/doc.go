// Package load is the contract between a run and a destination, and the rules
// that every destination shares: what is replaced, what is kept, what counts
// as changed ([Batch.Decide], [Batch.Merge]).
//
// A run takes the [Writer] of a [Destination], stages batches of conversations
// from any number of goroutines, and publishes each window once it is staged
// completely. Publishing makes rows durable and then, with or after the last of
// them, records the window as covered: coverage is never ahead of rows. The
// process may be killed at any point; the next writer continues from what was
// published.
//
// The package must not know a concrete destination. The suite that every
// loader passes is load/loadtest. load/memory is a destination for tests, and the
// shortest complete example of one.
package load
