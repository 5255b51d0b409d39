//go:build !race

package loadtest

// Raced reports whether the race detector is on.
const Raced = false
