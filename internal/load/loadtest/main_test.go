package loadtest

import (
	"errors"
	"flag"
	"os"
	"testing"
)

// TestMain keeps the random cases that fail on purpose from being shrunk and saved.
func TestMain(m *testing.M) {
	if err := errors.Join(flag.Set("rapid.nofailfile", "true"), flag.Set("rapid.shrinktime", "0s")); err != nil {
		panic(err)
	}
	os.Exit(Main(m, openKeptReference))
}
