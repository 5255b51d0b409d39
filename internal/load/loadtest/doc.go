// Package loadtest is the conformance suite that every loader passes: the
// guarantees of a destination, whatever its storage. A change to a loader, or a
// new one, starts here.
//
// A loader's tests describe a [Subject] and call [Run] and [Crash], and their
// TestMain calls [Main]. The suite reads what is stored through the
// subject, never through the loader under test, and kills writing processes with
// SIGKILL. Its own tests check the suite: the destination of load/memory passes,
// and for every guarantee that a test breaks in it on purpose a check fails.
//
// The suite depends on the contract of package load and on the tables, not on a
// loader. It accepts every behavior that the contract allows.
package loadtest
