// Package memory is a destination in memory, for tests. It has every guarantee
// of the contract in package load: it passes the conformance suite load/loadtest,
// whose tests run it. It is also the shortest complete example of a destination.
//
// [New] makes an empty one. [Destination.Edit] stores what a test starts from, and
// [Destination.Snapshot] returns what is stored. A test that needs a special
// behavior, such as a failing Publish, embeds the destination or its writer and
// replaces one method.
//
// The package must not be linked into the program: a test in internal/house
// checks it. It must not know a run, the source or a concrete loader.
package memory
