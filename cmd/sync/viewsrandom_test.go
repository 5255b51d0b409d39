package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/warehouse"
)

// oddZones are the time zones of the projects: with quarters, halves and changes of hours
// that are not one.
var oddZones = map[string]string{"p": "Europe/London", "q": "America/St_Johns", "r": "Asia/Kathmandu", "s": "Antarctica/Casey", "t": ""}

// oddStarts are times at which clocks change, days or quarters of an hour end, or which
// views treat apart.
var oddStarts = []time.Time{
	time.Date(1969, 12, 31, 23, 0, 0, 0, time.UTC), time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC),
	time.Date(2022, 12, 31, 23, 59, 59, 999_999_000, time.UTC), time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC),
	time.Date(2023, 3, 8, 16, 0, 0, 0, time.UTC),   // Casey
	time.Date(2025, 10, 26, 1, 0, 0, 0, time.UTC),  // London
	time.Date(2025, 11, 2, 4, 30, 0, 0, time.UTC),  // St John's
	time.Date(2026, 2, 28, 18, 15, 0, 0, time.UTC), // midnight in Kathmandu
}

// TestViews_Random compares each row of each view of a lake and of a database, over
// conversations of 20 customers around odd times.
func TestViews_Random(t *testing.T) {
	t.Parallel()
	lake, database := fillBoth(t, loadOdd)
	sameViews(t, lake, database)
	for _, destination := range []string{into(lake), intoPostgres(database)} {
		searchListed(t, configure(t, "http://127.0.0.1:9", destination))
	}
}

// searchListed checks that the conversations with a word are found, but those that the
// source no longer lists.
func searchListed(t *testing.T, config string) {
	t.Helper()
	ids := func(args ...string) []string {
		r := convsync(t, nil, append(args, "--config", config, "--output", "csv")...)
		r.want(t, exitOK)
		return foundIDs(t, r.stdout)
	}
	const listed = "SELECT DISTINCT t.project_id, t.conversation_id FROM turns AS t JOIN conversations AS c USING (project_id, conversation_id) WHERE c.missing_since IS NULL"
	if found, want := ids("search", "thing", "--limit", "10000"), ids("query", listed, "--limit", "10000"); len(want) == 0 || !slices.Equal(found, want) {
		t.Errorf("found %d, want %d\n%q\n%q", len(found), len(want), found, want)
	}
}

// loadOdd loads the same conversations each time.
func loadOdd(t *testing.T, destination load.Destination) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	random := rand.New(rand.NewPCG(14, 14))
	must(destination.Prepare(t.Context()))
	w, err := destination.Begin(t.Context(), load.Owner{RunID: "run-1", Started: 1})
	must(err)
	for _, id := range []string{"p", "q", "r", "s", "t"} {
		project := loadtest.Project(id)
		project.TimeZone = oddZones[id]
		must(w.Register(t.Context(), []load.Project{project}))
		var rows []*warehouse.Rows
		var missing []load.Key
		for i := range 150 {
			r := oddContact(random, id, i)
			rows = append(rows, r)
			if random.IntN(10) == 0 {
				missing = append(missing, load.Key{ID: r.Conversation.ConversationID, StartedAt: r.Conversation.StartedAt})
			}
		}
		feed, at := load.Feed{ProjectID: id, Environment: loadtest.Live}, warehouse.TimestampOf(oddStarts[len(oddStarts)-1].AddDate(0, 0, 3))
		window := load.Window{Feed: feed, RunID: "run-1", At: at, Watermark: at}
		window.Coverage = []load.Range{{From: warehouse.TimestampOf(oddStarts[0].AddDate(0, 0, -3)), Until: at, ReadAt: at, Shape: loadtest.Shape}}
		must(w.Stage(t.Context(), &load.Batch{Feed: feed, Rows: rows}))
		_, err = w.Publish(t.Context(), &window)
		must(err)
		window.ID, window.Missing = 1, missing
		_, err = w.Publish(t.Context(), &window)
		must(err)
	}
	must(w.Finish(t.Context(), &warehouse.SyncRun{RunID: "run-1", Kind: "incremental", Status: warehouse.RunSucceeded}))
	must(w.Close())
}

// oddContact starts exactly at an odd time, a day later or earlier, or near one of these.
func oddContact(random *rand.Rand, project string, i int) *warehouse.Rows {
	pick := func(d ...time.Duration) time.Duration { return d[random.IntN(len(d))] }
	start := oddStarts[random.IntN(len(oddStarts))].Add(pick(0, 0, 24*time.Hour, -24*time.Hour)).
		Add(pick(0, 0, time.Microsecond, -time.Microsecond, 15*time.Minute, time.Duration(random.IntN(1500))*time.Minute))
	options := []loadtest.Option{loadtest.Turns(random.IntN(5)), func(r *warehouse.Rows) {
		c := &r.Conversation
		c.CustomerNumber = warehouse.Text(fmt.Sprintf("+4477009000%02d", random.IntN(20)))
		if random.IntN(5) == 0 {
			c.CustomerNumber = ""
		}
		c.VariantID = warehouse.Text([]string{"", "variant-1", "variant-2"}[random.IntN(3)])
		c.Handoff = []warehouse.Null[bool]{{}, warehouse.Some(true), warehouse.Some(false), warehouse.Some(false)}[random.IntN(4)]
		c.TotalDurationSeconds = warehouse.Some(float64(random.IntN(40)))
		for i := range r.Turns {
			r.Turns[i].IsSilence = warehouse.Some(random.IntN(4) == 0)
			if r.Turns[i].LatencySeconds = warehouse.Some(float64(random.IntN(60)) / 10); random.IntN(5) == 0 {
				r.Turns[i].LatencySeconds = warehouse.Null[float64]{}
			}
			if random.IntN(3) == 0 {
				r.Turns[i].UserInput = ""
			}
		}
	}}
	if random.IntN(12) == 0 {
		options = append(options, loadtest.Hidden(warehouse.Some(int64(5))))
	}
	return loadtest.Conversation(project, fmt.Sprintf("c-%d", i), start, options...)
}
