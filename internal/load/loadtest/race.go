//go:build race

package loadtest

// Raced tells that the race detector is on. It makes processes several times as
// slow, and sees as much in a few of many like cases.
const Raced = true
