// Package loadtest is the conformance suite that every loader passes: what a
// destination promises, whatever it is made of. A change to a loader, or a new
// one, starts here.
//
// The suite reads back what is stored by the [Subject]'s own means, never
// through the loader under test, and kills writing processes for real.
package loadtest
