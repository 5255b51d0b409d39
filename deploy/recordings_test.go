package deploy

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"convsync/internal/load/memory"
	"convsync/internal/serve"
)

// withRecordings serves the metrics of a service, and with them those of recordings,
// which the service has only if its recordings are checked or stored.
func withRecordings(t *testing.T, service string) (url string) {
	t.Helper()
	d := memory.New()
	s, err := serve.New(serve.Options{
		Address:     "127.0.0.1:0",
		Destination: d,
		Recordings: serve.Recordings{
			Projects: []serve.RecordedProject{{ProjectID: "acme-team-4", Store: true}},
			Reader:   d,
			Store:    func() (bool, error) { return true, nil },
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_ = s.Stop(ctx)
	})
	metrics(t, s.URL(), "convsync_recordings{")
	handler := func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, get(t, service+"/metrics"))
		for line := range strings.Lines(get(t, s.URL()+"/metrics")) {
			if strings.Contains(line, "convsync_recordings") {
				fmt.Fprint(w, line)
			}
		}
	}
	server := httptest.NewServer(http.HandlerFunc(handler))
	t.Cleanup(server.Close)
	return server.URL
}
