package main

import (
	"strings"
	"testing"

	"convsync/internal/simulate"
)

// TestAudio_Empty checks that work on recordings before the first run is no error.
// The first work of serve is often done before it.
func TestAudio_Empty(t *testing.T) {
	t.Parallel()
	_, server := withRecordings(t, 5, simulate.Audio{})
	for name, at := range audioDestinations(t, server.URL, "{ mode: store, redacted: both }") {
		r := convsync(t, nil, "run", "--audio-only", "--config", at[0])
		r.want(t, exitOK, "none was due", "skipped the recordings of project acme-team-4")
		if strings.Contains(r.stderr, "ERROR") || strings.Contains(r.stderr, "WARN") {
			t.Errorf("%s: %s", name, r.stderr)
		}
	}
}
