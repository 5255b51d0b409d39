// Package loadtest is the conformance suite that every loader passes: what a
// destination promises, whatever it is made of. A change to a loader, or a new
// one, starts here.
//
// A loader's tests describe a [Subject] and call [Run] and [Crash], and their
// TestMain calls [Main]. The suite reads back what is stored by the subject's
// own means, never through the loader under test, and kills writing processes
// for real. What it promises of itself, its own tests prove: a reference in
// memory passes, and for every promise that the reference breaks on purpose
// there is a check that fails.
//
// The suite knows the contract of package load and the tables, and no loader:
// whatever a destination may do in more than one way, it must leave open.
package loadtest
