// Package transform turns one conversation, as the API answered it, into the
// rows that land. It is pure: the same answer and options always give the same
// rows, so that an unchanged conversation has an unchanged hash.
//
// It promises that nothing is lost silently: what has no column goes into
// extra, what cannot be read is NULL with its raw value in extra, and both are
// reported as drift. What no destination can hold is replaced alike for all.
//
// It knows nothing of requests, destinations or the clock.
package transform
