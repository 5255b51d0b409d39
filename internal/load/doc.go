// Package load is the contract between a run and a destination, and the rules
// that every destination shares: what is replaced, what is kept, what counts
// as changed ([Batch.Decide], [Batch.Merge]).
//
// A run takes the [Writer] of a [Destination], stages batches of conversations
// from any number of goroutines, and publishes each stretch of time once the
// whole of it is staged. Publishing makes rows durable and then, with or after
// the last of them, records the stretch as covered: coverage never runs ahead
// of rows. Everything may be killed at any point; the next writer goes on from
// what was published.
//
// The package must not know a concrete destination. The suite that every
// loader passes is load/loadtest.
package load
