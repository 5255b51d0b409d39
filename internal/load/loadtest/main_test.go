package loadtest

import (
	"flag"
	"os"
	"testing"
)

// TestMain turns off shrinking, since some random cases fail on purpose.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.shrinktime", "0s"); err != nil {
		panic(err)
	}
	os.Exit(Main(m, openOnDisk))
}
