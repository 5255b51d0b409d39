package serve

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"convsync/internal/leaktest"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// fakeDestination returns figures that a test sets, and can be unavailable or slow.
// A page shows numbers that a test cannot store row by row.
type fakeDestination struct {
	mu        sync.Mutex
	states    map[load.Feed]load.FeedState
	summaries map[load.Feed]load.FeedSummary
	runs      []warehouse.SyncRun
	rejects   []warehouse.Reject
	away      error
	hangs     bool
	read      int // how often
	rejected  int // how often rejects were read
}

func (d *fakeDestination) State(ctx context.Context, _ []load.Feed) (map[load.Feed]load.FeedState, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.read++
	if d.hangs {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return maps.Clone(d.states), d.away
}

func (d *fakeDestination) Summary(context.Context, []load.Feed) (map[load.Feed]load.FeedSummary, error) {
	return maps.Clone(d.summaries), d.away
}

func (d *fakeDestination) Runs(_ context.Context, limit int) ([]warehouse.SyncRun, error) {
	return d.runs[:min(limit, len(d.runs))], d.away
}

func (d *fakeDestination) Rejects(_ context.Context, f load.Feed, yield func(*warehouse.Reject) error) error {
	d.rejected++
	for i := range d.rejects {
		if r := &d.rejects[i]; r.ProjectID == f.ProjectID {
			if err := yield(r); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *fakeDestination) goAway(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.away = err
}

var errAway = errors.New("made up: Postgres at db.example.com does not answer")

// stamp is a moment before now.
func stamp(now time.Time, ago time.Duration) warehouse.Timestamp {
	return warehouse.TimestampOf(now.Add(-ago).Truncate(time.Second))
}

// healthy has n projects of which all is read, a run that succeeded, and
// figures that occur once.
func healthy(n int, now time.Time) (*fakeDestination, []Feed) {
	d := &fakeDestination{states: map[load.Feed]load.FeedState{}, summaries: map[load.Feed]load.FeedSummary{}}
	var feeds []Feed
	start := now.Add(-100 * 24 * time.Hour).Truncate(time.Second)
	for i := range n {
		f := Feed{ProjectID: fmt.Sprintf("acme-team-%d", i+1), Environment: "live", Start: start, TimeZone: "Europe/London"}
		feeds = append(feeds, f)
		d.states[f.key()] = load.FeedState{
			Watermark: stamp(now, 4*time.Minute),
			Coverage: []load.Range{
				{From: warehouse.TimestampOf(start), Until: stamp(now, 24*time.Hour), ReadAt: stamp(now, 48*time.Hour)},
				{From: stamp(now, 24*time.Hour), Until: stamp(now, 4*time.Minute), ReadAt: stamp(now, 3*time.Minute)},
			},
			Open: []load.OpenConversation{{ID: "c-1", StartedAt: stamp(now, time.Hour)}},
		}
		d.summaries[f.key()] = load.FeedSummary{
			Conversations: 81_234,
			Hidden:        31,
			Missing:       17,
			Newest:        stamp(now, 5*time.Minute),
			Lateness: []warehouse.Lateness{
				{Measure: load.LateArrival, UpperSeconds: 60, Count: 90}, {Measure: load.LateArrival, UpperSeconds: 1200, Count: 10},
			},
		}
	}
	d.runs = []warehouse.SyncRun{{
		RunID:      "run-1",
		Kind:       "incremental",
		Status:     warehouse.RunSucceeded,
		StartedAt:  stamp(now, 5*time.Minute),
		FinishedAt: warehouse.Some(stamp(now, 3*time.Minute)),
		Requests:   1_043,
		Retries:    7,
		Read:       2_204,
		Inserted:   1_109,
		Updated:    1_011,
		Unchanged:  84,
	}}
	return d, feeds
}

// newServer is a server of options, of which the destination was read once.
func newServer(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	s.watch.refresh(t.Context())
	return s
}

// get asks a server that need not listen.
var peers atomic.Int64

func get(s *Server, path string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8080"+path, nil)
	r.RemoteAddr = fmt.Sprintf("peer-%d:1234", peers.Add(1)) // each request from a peer of its own
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	s.http.Handler.ServeHTTP(w, r)
	return w
}
