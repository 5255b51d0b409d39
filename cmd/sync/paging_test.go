package main

import (
	"net/http/httptest"
	"testing"
	"time"

	"convsync/internal/simulate"
	"convsync/internal/warehouse"
)

func TestRunPaging(t *testing.T) {
	t.Parallel()
	const n = 300
	for name, c := range map[string]struct {
		version string
		change  func(*simulate.Options)
		status  string
	}{
		"LimitLowered": {"v3", func(o *simulate.Options) { o.PageRows, o.Paging = 7, simulate.PagingOffset }, warehouse.RunSucceeded},
		"V2Unnamed":    {"v2", func(o *simulate.Options) { o.PageRows, o.Paging = 7, simulate.PagingUnnamed }, warehouse.RunSucceeded},
		// Nothing is covered, but what was read is stored.
		"FreshCursor": {"v3", func(o *simulate.Options) {
			o.Faults.Share = map[simulate.Fault]float64{simulate.FreshCursor: 1}
		}, warehouse.RunPartial},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			destinations(t, func(t *testing.T, destination string) {
				options := simulate.Options{
					Seed: 5, Now: func() time.Time { return standing },
					Projects: []simulate.Project{{
						AccountID:    "acme-uk",
						ID:           "acme-team-4",
						From:         standing.AddDate(0, 0, -20),
						To:           standing.AddDate(0, 0, -1),
						TurnsMean:    2,
						Environments: []simulate.Environment{{Name: "live", Conversations: n}},
					}},
				}
				serve := func() *httptest.Server {
					simulator, err := simulate.New(options)
					if err != nil {
						t.Fatal(err)
					}
					server := httptest.NewServer(simulator)
					t.Cleanup(server.Close)
					return server
				}
				plain := serve()
				c.change(&options)
				file := configure(t, plain.URL, destination)
				writeFile(t, file, `
source: { base_url: "`+serve().URL+`", api_version: `+c.version+`, account_id: acme-uk, api_key: made-up-key, projects: [{ id: acme-team-4 }] }
destination: { `+destination+` }
sync: { start: 2026-05-01, page_size: 20 }
`)
				report := quickly(t, file)
				if report.Status != c.status || report.Requests > 300 {
					t.Fatalf("%s after %d requests: %v", report.Status, report.Requests, report.Errors)
				}
				if p := verifyAll(t, configure(t, plain.URL, destination), exitOK).Projects[0]; p.Stored != n || p.Listed != n {
					t.Errorf("%d stored of %d listed; %v", p.Stored, p.Listed, p.Findings)
				}
			})
		})
	}
}
