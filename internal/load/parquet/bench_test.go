package parquet_test

import (
	"fmt"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/parquet"
	"convsync/internal/warehouse"
)

const (
	benchBatch = 200
	benchTurns = 15
)

// BenchmarkLoad loads a UTC day of 10,000 conversations of 15 turns: first
// load, a second load without changes, and one with one conversation in a
// hundred changed.
func BenchmarkLoad(b *testing.B) {
	rows := benchRows(10_000)
	for _, c := range []struct {
		name   string
		before bool
		change int // one in so many
	}{{"new", false, 0}, {"unchanged", true, 0}, {"changed", true, 100}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			var spent time.Duration
			for i := 0; b.Loop(); i++ {
				l, w := benchLake(b)
				if c.before {
					benchPublish(b, w, rows)
				}
				if c.change > 0 {
					rows = benchChange(rows, c.change, i)
				}
				start := time.Now()
				benchPublish(b, w, rows)
				spent += time.Since(start)
				if err := w.Close(); err != nil {
					b.Fatal(err)
				}
				_ = l.Close()
			}
			b.ReportMetric(float64(b.N*len(rows))/spent.Seconds(), "conversations/s")
		})
	}
}

// BenchmarkQuiet loads a year of 30 conversations a day as one window.
func BenchmarkQuiet(b *testing.B) {
	rows := benchRows(365 * 30)
	for i, r := range rows {
		*r = *loadtest.Conversation("p", r.Conversation.ConversationID, loadtest.Noon.AddDate(0, 0, -i/30), loadtest.Turns(benchTurns))
	}
	rows = rows[:len(rows)/benchBatch*benchBatch]
	for b.Loop() {
		_, w := benchLake(b)
		start := time.Now()
		benchPublish(b, w, rows)
		b.ReportMetric(float64(len(rows))/time.Since(start).Seconds(), "conversations/s")
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func benchLake(b *testing.B) (load.Destination, load.Writer) {
	l, err := parquet.Open(parquet.Options{Path: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	if err := l.Prepare(b.Context()); err != nil {
		b.Fatal(err)
	}
	w, err := l.Begin(b.Context(), load.Owner{RunID: "run"})
	if err != nil {
		b.Fatal(err)
	}
	return l, w
}

func benchPublish(b *testing.B, w load.Writer, rows []*warehouse.Rows) {
	for i := 0; i < len(rows); i += benchBatch {
		if err := w.Stage(b.Context(), &load.Batch{Feed: feed, Rows: rows[i : i+benchBatch]}); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := w.Publish(b.Context(), &load.Window{Feed: feed, RunID: "run", At: 1}); err != nil {
		b.Fatal(err)
	}
}

// benchRows returns realistic conversations: texts differ, names repeat.
func benchRows(n int) []*warehouse.Rows {
	rows := make([]*warehouse.Rows, n)
	for i := range rows {
		r := loadtest.Conversation("p", fmt.Sprintf("conversation-%08x-%04x-example", i*2654435761%(1<<32), i),
			loadtest.Noon.Truncate(24*time.Hour).Add(time.Duration(i)*8*time.Second), loadtest.Turns(benchTurns))
		for j := range r.Turns {
			r.Turns[j].UserInput = warehouse.Text(fmt.Sprintf("I would like to move my booking %d to another day, the %d please", i*31+j, j))
			r.Turns[j].AgentResponse = warehouse.Text(fmt.Sprintf("Of course, I have found booking %d, and can offer you %d other days; which do you want?", i*17, j))
		}
		loadtest.Seal(r)
		rows[i] = r
	}
	return rows
}

func benchChange(rows []*warehouse.Rows, every, round int) []*warehouse.Rows {
	for i := 0; i < len(rows); i += every {
		rows[i].Conversation.Note = warehouse.Text(fmt.Sprint("changed ", round))
		loadtest.Seal(rows[i])
	}
	return rows
}

// BenchmarkDaily reads the figures of a month of a hundred projects, 30,000
// conversations of 15 turns: once without and once with a warm cache.
func BenchmarkDaily(b *testing.B) {
	const projects, days, aDay = 100, 30, 10
	l, w := benchLake(b)
	var feeds []load.Feed
	for p := range projects {
		feed := load.Feed{ProjectID: fmt.Sprintf("p-%d", p), Environment: loadtest.Live}
		feeds = append(feeds, feed)
		st := &load.Window{ID: load.WindowID(p), Feed: feed, RunID: "run", At: 1}
		for day := range days {
			var rows []*warehouse.Rows
			for i := range aDay {
				start := loadtest.Noon.AddDate(0, 0, day).Add(time.Duration(i) * time.Minute)
				rows = append(rows, loadtest.Conversation(feed.ProjectID, fmt.Sprintf("c-%d-%d", day, i), start, loadtest.Turns(benchTurns), func(r *warehouse.Rows) { r.Entities = nil }))
			}
			if err := w.Stage(b.Context(), &load.Batch{Window: st.ID, Feed: feed, Rows: rows}); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := w.Publish(b.Context(), st); err != nil {
			b.Fatal(err)
		}
	}
	from, until := warehouse.TimestampOf(loadtest.Noon.AddDate(0, 0, -1)), warehouse.TimestampOf(loadtest.Noon.AddDate(0, 0, days))
	for _, what := range []string{"first", "again"} {
		b.Run(what, func(b *testing.B) {
			for b.Loop() {
				if what == "first" { // other feeds replace the cached days
					if _, err := l.Daily(b.Context(), nil, from, until); err != nil {
						b.Fatal(err)
					}
				}
				if got, err := l.Daily(b.Context(), feeds, from, until); err != nil || len(got) != days {
					b.Fatalf("%d days, %v", len(got), err)
				}
			}
		})
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
}
