// Package serve is what a sync that runs on a schedule shows over HTTP: whether
// the process answers, its metrics, and a status page for people.
//
// It promises that
//
//   - a destination that is slow or away never hangs an answer: page and metrics
//     come of a snapshot that is read in the background, and say how old it is;
//   - nothing but health is told to strangers: beyond this machine it asks for a
//     token or a password, and refuses to start without one;
//   - no phone number, transcript or payload of a reject is on any page.
//
// The package must not know a concrete destination, the schedule's rules, or
// the source's API.
package serve
