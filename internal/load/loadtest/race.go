//go:build race

package loadtest

// Raced reports whether the race detector is on. Tests then run fewer similar
// cases, since processes are several times as slow.
const Raced = true
