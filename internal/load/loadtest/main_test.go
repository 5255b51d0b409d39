package loadtest

import (
	"flag"
	"os"
	"testing"
)

// TestMain keeps the random cases that fail on purpose from being shrunk.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.shrinktime", "0s"); err != nil {
		panic(err)
	}
	os.Exit(Main(m, openKeptReference))
}
