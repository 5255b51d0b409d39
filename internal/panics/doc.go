// Package panics turns a panic into an error, so that it ends a piece of work instead of
// the process.
package panics
