package main

import (
	"io"
	"net/http"
	"os"
	"testing"

	"convsync/internal/simulate"
)

// get asks a page of a service.
func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// TestServeRunsAndShows starts the real process, which runs at once, shows what
// it did, and ends at a signal.
func TestServeRunsAndShows(t *testing.T) {
	t.Parallel()
	_, server := past(t, 300, 3, simulate.Deviations{})
	destinations(t, func(t *testing.T, destination string) {
		file := configure(t, server.URL, destination)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, file, string(text)+"schedules: { nightly: { cron: \"0 2 29 2 *\" }, weekly: { cron: \"0 3 29 2 *\", kind: verify } }\nserve: { listen: \"127.0.0.1:0\" }\n")
		process := serveIn(t, file, nil, "--run-now")
		url := process.url
		for _, page := range []string{"/healthz", "/readyz"} {
			if status, body := get(t, url+page); status != http.StatusOK {
				t.Errorf("%s is %d, %s", page, status, body)
			}
		}
		eventually(t, url+"/metrics", `status="succeeded"`)
		eventually(t, url+"/", "acme-team-4")
		process.stop()
		run(t, file, exitOK) // the lock is free
	})
}

func TestServeNeedsASchedule(t *testing.T) {
	t.Parallel()
	convsync(t, nil, "serve", "--config", configure(t, "http://127.0.0.1:1", into(t.TempDir()))).
		want(t, exitUsage, "no schedule is configured", "cron:")
}
