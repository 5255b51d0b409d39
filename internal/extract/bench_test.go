package extract_test

import (
	"context"
	"fmt"
	"math"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/semaphore"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/load/memory"
	"convsync/internal/pipeline"
	"convsync/internal/polyai"
	"convsync/internal/ratelimit"
	"convsync/internal/simulate"
	"convsync/internal/transform"
	"convsync/internal/warehouse"
)

// The benchmarks execute complete runs against a simulated service with a latency
// of 200 ms and the destination in memory. They report the ratio to
// the theoretical optimum. Each takes about ten seconds.
const (
	benchLatency  = 200 * time.Millisecond
	benchPageSize = 500
)

// history is a generated history of several equal projects.
type history struct {
	projects, conversations, days int
	rate                          float64 // that the source accepts; 0: any
}

// benchEnd is the end of the histories, two days before a run, so that all
// conversations have ended and are visible. The lookback includes their last day.
var benchEnd = time.Date(2026, 6, 11, 0, 0, 0, 0, time.UTC)

// bench is a source with the state of the runs that read it.
type bench struct {
	history
	source  *simulate.Simulator
	server  *httptest.Server
	now     atomic.Pointer[time.Time] // when it started
	started time.Time
	store   *memory.Destination
}

func newBench(b *testing.B, h history) *bench {
	b.Helper()
	bench := &bench{history: h, store: memory.New()}
	bench.setNow(benchEnd.AddDate(0, 0, 2))
	bench.started = time.Now()
	o := simulate.Options{
		Faults: simulate.Faults{Latency: benchLatency, RateLimit: h.rate}, Gzip: true, Now: bench.clock,
	}
	for i := range h.projects {
		o.Projects = append(o.Projects, simulate.Project{
			AccountID:    "acme-uk",
			ID:           projectID(i),
			From:         benchEnd.AddDate(0, 0, -h.days),
			To:           benchEnd,
			TurnsMean:    1,
			Environments: []simulate.Environment{{Name: "live", Conversations: h.conversations}},
		})
	}
	var err error
	if bench.source, err = simulate.New(o); err != nil {
		b.Fatal(err)
	}
	bench.server = httptest.NewServer(bench.source)
	b.Cleanup(bench.server.Close)
	return bench
}

func projectID(i int) string { return fmt.Sprintf("made-up-%d", i) }

func (bench *bench) setNow(t time.Time) { bench.now.Store(&t) }

// clock returns the current time of the service and of the runs.
func (bench *bench) clock() time.Time { return bench.now.Load().Add(time.Since(bench.started)) }

// client returns a client of the source.
func (bench *bench) client(b *testing.B) *polyai.Client {
	b.Helper()
	client, err := polyai.New(polyai.Options{
		BaseURL: bench.server.URL, Key: func(context.Context, bool) (string, error) { return "made-up-key", nil },
	})
	if err != nil {
		b.Fatal(err)
	}
	return client
}

// readers returns one reader per project, with a number of slices in flight and a
// rate limit.
func (bench *bench) readers(client *polyai.Client, slices int, perSecond float64) (readers []*extract.Reader) {
	session := extract.NewSession(ratelimit.NewBudget(ratelimit.BudgetOptions{PerSecond: perSecond}))
	permits, stats := semaphore.NewWeighted(int64(slices)), &extract.Stats{}
	for i := range bench.projects {
		readers = append(readers, &extract.Reader{
			Source:      client,
			AccountID:   "acme-uk",
			ProjectID:   projectID(i),
			Environment: "live",
			PageSize:    benchPageSize,
			Session:     session,
			Slots:       permits,
			Walks:       semaphore.NewWeighted(int64(slices)),
			Stats:       stats,
		})
	}
	return readers
}

func (bench *bench) start() extract.Second {
	return extract.SecondOf(benchEnd.AddDate(0, 0, -bench.days))
}

// run executes an incremental run.
func (bench *bench) run(b *testing.B, slices int, perSecond float64) (elapsed time.Duration, report *pipeline.Report) {
	b.Helper()
	client := bench.client(b)
	defer client.Close()
	o := pipeline.Options{
		Destination: bench.store, Owner: load.Owner{RunID: "run"},
		Clock:    bench.clock,
		Lookback: []extract.Tier{{Depth: 72 * time.Hour}},
	}
	for _, r := range bench.readers(client, slices, perSecond) {
		o.Stats = r.Stats
		o.Feeds = append(o.Feeds, pipeline.Feed{
			Feed: load.Feed{ProjectID: r.ProjectID, Environment: "live"}, Reader: r, Start: bench.start(),
			Transform: transform.Options{
				AccountID:   "acme-uk",
				ProjectID:   r.ProjectID,
				Environment: "live",
				APIVersion:  "v3",
				Audio:       []transform.AudioKind{{Direction: "combined", Redacted: true}},
			},
		})
	}
	started := time.Now()
	report, err := pipeline.Run(b.Context(), o)
	elapsed = time.Since(started)
	if err != nil || report.Status != warehouse.RunSucceeded {
		b.Fatalf("%v, %+v", err, report)
	}
	return elapsed, report
}

// readSpan reads the complete history as one span.
func (bench *bench) readSpan(b *testing.B, slices int) time.Duration {
	b.Helper()
	client := bench.client(b)
	defer client.Close()
	span := extract.Span{From: bench.start(), Until: extract.SecondOf(benchEnd)}
	r := bench.readers(client, slices, 0)[0]
	started := time.Now()
	parts := r.Slices(span, float64(bench.conversations)/float64(span.Seconds()))
	if err := r.ReadSpan(b.Context(), parts, func(context.Context, *extract.Chunk) error { return nil }); err != nil {
		b.Fatal(err)
	}
	return time.Since(started)
}

// pages returns the number of pages for a number of conversations, at least one.
func pages(conversations int) int {
	return max(1, int(math.Ceil(float64(conversations)/benchPageSize)))
}

// BenchmarkBackfill reads a first history with 10 requests a second allowed.
// times-least is the ratio of its duration to the minimum that the rate allows; the
// limit is 1.15.
func BenchmarkBackfill(b *testing.B) {
	const rate = 10
	for name, h := range map[string]history{
		"OneDenseProject":           {1, 75_000, 30, rate},
		"HundredQuietProjectsAYear": {100, 300, 365, rate},
		"TenProjectsBetween":        {10, 7_000, 90, rate},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				bench := newBench(b, h)
				elapsed, report := bench.run(b, 8, rate)
				if report.Conversations.Inserted != int64(h.projects*h.conversations) {
					b.Fatalf("%d conversations were loaded", report.Conversations.Inserted)
				}
				least := h.projects * pages(h.conversations)
				b.ReportMetric(elapsed.Seconds()/(float64(least)/rate), "times-least")
				b.ReportMetric(float64(report.Requests)/float64(least), "requests-times-least")
				b.ReportMetric(100*float64(report.Retries)/float64(report.Requests), "%-retries")
			}
		})
	}
}

// BenchmarkSlicesInFlight reads a history without a rate limit. speedup is the
// ratio of the durations with 1 and with 8 slices in flight; it must be at least 6.
func BenchmarkSlicesInFlight(b *testing.B) {
	h := history{projects: 1, conversations: 100_000, days: 30}
	b.Run("Span", func(b *testing.B) {
		for b.Loop() {
			bench := newBench(b, h)
			b.ReportMetric(bench.readSpan(b, 1).Seconds()/bench.readSpan(b, 8).Seconds(), "speedup")
		}
	})
	b.Run("Run", func(b *testing.B) {
		for b.Loop() {
			one, _ := newBench(b, h).run(b, 1, 0)
			eight, _ := newBench(b, h).run(b, 8, 0)
			b.ReportMetric(one.Seconds()/eight.Seconds(), "speedup")
		}
	})
}

// BenchmarkUnchanged reads an unchanged day again. requests-times-least is the
// ratio of its requests to the pages of its lookback; the limit is 1.2.
func BenchmarkUnchanged(b *testing.B) {
	for name, h := range map[string]history{
		"OneDenseProject":      {1, 150_000, 10, 0},
		"HundredQuietProjects": {100, 300, 365, 0},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				bench := newBench(b, h)
				bench.run(b, 8, 0)
				before := bench.source.Requests()
				_, report := bench.run(b, 8, 10)
				if n := report.Conversations.Inserted + report.Conversations.Updated; n != 0 {
					b.Errorf("%d conversations were written", n)
				}
				least := 0
				for i := range h.projects {
					within := 0
					for truth := range bench.source.Truth(projectID(i), "live", benchEnd.AddDate(0, 0, 2)) {
						if start := truth.Conversation["started_at"].(time.Time); start.Before(benchEnd.AddDate(0, 0, -1)) {
							break // newest first
						}
						within++
					}
					least += pages(within)
				}
				b.ReportMetric(float64(bench.source.Requests()-before)/float64(least), "requests-times-least")
			}
		})
	}
}

// BenchmarkLimited reads from a source that accepts half of the configured rate.
// %-429 is the share of all requests that are answered with 429.
func BenchmarkLimited(b *testing.B) {
	const borne = 5
	for b.Loop() {
		bench := newBench(b, history{projects: 1, conversations: 150_000, days: 30, rate: borne})
		elapsed, report := bench.run(b, 8, 2*borne)
		b.ReportMetric(100*float64(report.Retries)/float64(report.Requests), "%-429")
		b.ReportMetric(elapsed.Seconds()/(float64(pages(150_000))/borne), "times-least")
	}
}
