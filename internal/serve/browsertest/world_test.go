package browsertest

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/parquet"
	"convsync/internal/serve"
	"convsync/internal/warehouse"
)

// figures is a destination with figures that a test sets: a page shows numbers that
// a test cannot store row by row.
type figures struct {
	states    map[load.Feed]load.FeedState
	summaries map[load.Feed]load.FeedSummary
	runs      []warehouse.SyncRun
	rejects   map[load.Feed][]warehouse.Reject
	days      []load.Day
	err       error
}

func (d *figures) State(context.Context, []load.Feed) (map[load.Feed]load.FeedState, error) {
	return d.states, d.err
}

func (d *figures) Summary(context.Context, []load.Feed) (map[load.Feed]load.FeedSummary, error) {
	return d.summaries, d.err
}

func (d *figures) Runs(context.Context, int) ([]warehouse.SyncRun, error) { return d.runs, d.err }

func (d *figures) Daily(context.Context, []load.Feed, warehouse.Timestamp, warehouse.Timestamp) ([]load.Day, error) {
	return d.days, d.err
}

func (d *figures) Rejects(_ context.Context, f load.Feed, yield func(*warehouse.Reject) error) error {
	for i := range d.rejects[f] {
		if err := yield(&d.rejects[f][i]); err != nil {
			return err
		}
	}
	return nil
}

// pageDestination is the destination of the page and its charts.
type pageDestination interface {
	serve.Destination
	load.DayReader
}

// world is a page to look at.
type world struct {
	destination pageDestination
	feeds       []serve.Feed
	recordings  serve.Recordings
}

func ago(now time.Time, d time.Duration) warehouse.Timestamp {
	return warehouse.TimestampOf(now.Add(-d).Truncate(time.Second))
}

// well has n projects of which all is well.
func well(n int) (*figures, []serve.Feed) {
	now := time.Now()
	d := &figures{states: map[load.Feed]load.FeedState{}, summaries: map[load.Feed]load.FeedSummary{}, rejects: map[load.Feed][]warehouse.Reject{}}
	start := now.AddDate(0, 0, -100).Truncate(time.Second)
	names := []string{"acme-bookings", "acme-reservations-and-room-service", "acme-it-desk", "acme-deliveries"}
	var feeds []serve.Feed
	for i := range n {
		name := names[i%len(names)]
		if i >= len(names) {
			name = fmt.Sprintf("%s-%d", name, i/len(names)+1)
		}
		f := serve.Feed{ProjectID: name, Environment: "live", Start: start, TimeZone: "Europe/London"}
		feeds = append(feeds, f)
		d.states[key(f)] = load.FeedState{
			Watermark: ago(now, 4*time.Minute),
			Coverage: []load.Range{
				{From: warehouse.TimestampOf(start), Until: ago(now, 24*time.Hour), ReadAt: ago(now, 26*time.Hour)},
				{From: ago(now, 24*time.Hour), Until: ago(now, 4*time.Minute), ReadAt: ago(now, 3*time.Minute)},
			},
			Open: []load.OpenConversation{{ID: "c-1", StartedAt: ago(now, 12*time.Minute)}},
		}
		d.summaries[key(f)] = load.FeedSummary{
			Conversations: int64(81_234 + 977*i), Hidden: 31, Newest: ago(now, 5*time.Minute),
			Lateness: []warehouse.Lateness{
				{Measure: load.LateArrival, UpperSeconds: 60, Count: 900}, {Measure: load.LateArrival, UpperSeconds: 1200, Count: 80},
				{Measure: load.LateFinal, UpperSeconds: 300, Count: 940}, {Measure: load.LateFinal, UpperSeconds: 5400, Count: 30},
			},
		}
	}
	for i := range 12 {
		started := time.Duration(i) * 5 * time.Minute
		d.runs = append(d.runs, warehouse.SyncRun{
			RunID:      fmt.Sprint("run-", i),
			Kind:       "incremental",
			Status:     warehouse.RunSucceeded,
			StartedAt:  ago(now, started+5*time.Minute),
			FinishedAt: warehouse.Some(ago(now, started+3*time.Minute)),
			Requests:   1_043,
			Retries:    7,
			Read:       2_204,
			Inserted:   1_109,
			Updated:    11,
			Unchanged:  1_084,
		})
	}
	midnight := now.UTC().Truncate(24 * time.Hour)
	for i := range 30 {
		swing := math.Sin(float64(i) / 3)
		day := load.Day{
			Start:             warehouse.TimestampOf(midnight.AddDate(0, 0, i-29)),
			Conversations:     int64(2400 + 900*swing),
			Handoffs:          int64(300 + 90*swing),
			HandoffsKnown:     2400,
			LatencyTurns:      9000,
			LatencyP50Seconds: warehouse.Some(0.9 + swing/10),
			LatencyP95Seconds: warehouse.Some(2.4 + swing/3),
		}
		if i != 11 { // a day without any
			d.days = append(d.days, day)
		}
	}
	return d, feeds
}

func key(f serve.Feed) load.Feed {
	return load.Feed{ProjectID: f.ProjectID, Environment: f.Environment}
}

// troubled is well, but for one thing of each kind.
func troubled(n int) (*figures, []serve.Feed) {
	now := time.Now()
	d, feeds := well(n)
	old := d.states[key(feeds[0])]
	old.Watermark = ago(now, 50*time.Hour)
	old.Coverage = []load.Range{{From: old.Coverage[0].From, Until: ago(now, 50*time.Hour), ReadAt: ago(now, 50*time.Hour)}}
	d.states[key(feeds[0])] = old
	gaps := d.states[key(feeds[1])]
	gaps.Coverage = nil
	for i := 100; i > 0; i -= 10 {
		gaps.Coverage = append(gaps.Coverage, load.Range{From: ago(now, time.Duration(i)*24*time.Hour), Until: ago(now, time.Duration(i*24-235)*time.Hour), ReadAt: ago(now, time.Hour)})
	}
	d.states[key(feeds[1])] = gaps
	third := d.summaries[key(feeds[2])]
	third.Rejects, third.Missing = 3, 17
	third.Lateness = append(third.Lateness, warehouse.Lateness{Measure: load.LateChange, UpperSeconds: math.MaxInt64, Count: 100})
	for i := range 12 {
		third.Drift = append(third.Drift, warehouse.Drift{
			Path:        fmt.Sprintf("turns[].metadata.function_events[].arguments.field_%d", i),
			Kind:        "unknown_field",
			JSONType:    "number",
			Count:       4_321,
			FirstSeenAt: ago(now, 90*time.Hour),
			LastSeenAt:  ago(now, time.Minute),
		})
	}
	d.summaries[key(feeds[2])] = third
	d.rejects[key(feeds[2])] = []warehouse.Reject{{Reason: "it has no start"}, {Reason: "it has no start"}, {Reason: "it is not an object"}}
	d.states[key(feeds[3])], d.summaries[key(feeds[3])] = load.FeedState{}, load.FeedSummary{}
	for i := range 2 {
		d.runs[i].Status = warehouse.RunFailed
		d.runs[i].Error = "project acme-bookings (live): GET https://api.example.com/v3/acme/acme-bookings/conversations: 401 Unauthorized: the key was refused (correlation id 0123456789abcdef); see that it is of this project and region\n" +
			"project acme-deliveries (live): the same"
	}
	return d, feeds
}

// failing is well, but for the source of one project, which is down.
func failing(n int) (*figures, []serve.Feed) {
	now := time.Now()
	d, feeds := well(n)
	down := d.states[key(feeds[2])]
	down.Watermark, down.WatermarkAt = ago(now, 2*time.Hour), ago(now, 2*time.Hour)
	for i := range down.Coverage {
		down.Coverage[i].Until, down.Coverage[i].ReadAt = min(down.Coverage[i].Until, down.Watermark), min(down.Coverage[i].ReadAt, down.Watermark)
	}
	d.states[key(feeds[2])] = down
	for i := range 3 {
		d.runs[i].Status = warehouse.RunPartial
		d.runs[i].Error = "project acme-it-desk (live): the source answered 503 Service Unavailable: GET https://api.example.com/v3/acme/acme-it-desk/conversations: answered 503 Service Unavailable: made up (correlation id 0123456789abcdef)"
	}
	return d, feeds
}

// serving serves a world on loopback, and returns its address once the
// destination was read and drawn.
func serving(t *testing.T, w world) (url string) {
	t.Helper()
	next := time.Now().Add(3 * time.Minute)
	s, err := serve.New(serve.Options{
		Address:     "127.0.0.1:0",
		Destination: w.destination,
		Feeds:       w.feeds,
		Recordings:  w.recordings,
		Lookback:    168 * time.Hour,
		Version:     "1.2.3",
		Next: func() []serve.Scheduled {
			return []serve.Scheduled{{Name: "often", At: next}, {Name: "nightly", At: next.Add(5 * time.Hour)}}
		},
		Charts: serve.DailyCharts(w.destination, w.feeds),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = s.Stop(ctx)
	})
	return "http://" + s.Addr().String() + "/"
}

// loaded is a lake with conversations of some days, and what is to be shown of
// each day: how many, and of how many of these it is known that they were
// handed over or not, and how many were.
func loaded(t *testing.T) (w world, counts map[string][3]int) {
	t.Helper()
	lake, err := parquet.Open(parquet.Options{Path: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(lake.Prepare(t.Context()))
	writer, err := lake.Begin(t.Context(), load.Owner{RunID: "run-1", Started: warehouse.TimestampOf(time.Now())})
	must(err)
	feed := load.Feed{ProjectID: "acme-bookings", Environment: "live"}
	window := &load.Window{
		ID:        1,
		Feed:      feed,
		RunID:     "run-1",
		At:        warehouse.TimestampOf(time.Now()),
		Watermark: warehouse.TimestampOf(time.Now()),
	}
	noon := time.Now().UTC().Truncate(24 * time.Hour).Add(-12 * time.Hour)
	counts = map[string][3]int{}
	var rows []*warehouse.Rows
	for day := range 8 {
		at := noon.AddDate(0, 0, -day)
		for i := range 3 + day {
			known, handed := i > 0, i%3 == 1
			count := counts[at.Format("2 Jan 2006")]
			count[0]++
			if known {
				count[1]++
			}
			if handed {
				count[2]++
			}
			counts[at.Format("2 Jan 2006")] = count
			rows = append(rows, loadtest.Conversation(feed.ProjectID, fmt.Sprintf("c-%d-%d", day, i), at, loadtest.Turns(2), func(r *warehouse.Rows) {
				r.Conversation.Handoff = warehouse.Null[bool]{V: handed, Valid: known}
			}))
		}
	}
	must(writer.Stage(t.Context(), &load.Batch{Window: 1, Feed: feed, Rows: rows}))
	_, err = writer.Publish(t.Context(), window)
	must(err)
	must(writer.Finish(t.Context(), &warehouse.SyncRun{RunID: "run-1", Kind: "incremental", Status: warehouse.RunSucceeded, StartedAt: ago(time.Now(), time.Minute)}))
	must(writer.Close())
	feeds := []serve.Feed{{ProjectID: feed.ProjectID, Environment: feed.Environment, Start: noon.AddDate(0, 0, -8)}}
	return world{destination: lake, feeds: feeds}, counts
}
