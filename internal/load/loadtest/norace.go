//go:build !race

package loadtest

// Raced tells that the race detector is on.
const Raced = false
